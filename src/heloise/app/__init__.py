"""Composition: what the command line starts. Puts rooms together and has no rules of its own."""

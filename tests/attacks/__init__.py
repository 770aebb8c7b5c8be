"""Attacks on a running server, bounded in number and time, from this machine only."""

"""The nouns of mail: pure values that every other room speaks in. Standard library only, no I/O.

Reading order: address, path, envelope, status, cause, reply, sink.
"""

"""ESMTP without I/O: octets in, events out; no sockets, no clock, no disk.

Reading order: command, states, extension, replies, server, client.
"""

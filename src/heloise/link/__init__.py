"""Drivers: an engine and a stream, nothing else. They move octets and hold timers; meaning is the engine's.

Reading order: serve for the server side; converse, dial, send for the client side.
"""

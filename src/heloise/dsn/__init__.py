"""Delivery status notifications: who is owed one, how it is written and read. RFC 3461, RFC 3464, RFC 6522, RFC 6533.

Reading order: report, returned, fields, wording, compose, submission; for those of others reading,
guess, parse. Pure functions of values; no clock, no queue.
"""

"""Delivery status notifications: who is owed one, and how it is written. RFC 3461, RFC 3464, RFC 6522, RFC 6533.

Reading order: report, returned, fields, wording, compose, submission. Pure functions of values; no clock, no queue.
"""

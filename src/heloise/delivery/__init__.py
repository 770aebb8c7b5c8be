"""Attempts: from a lease of the queue to a settlement. RFC 5321 §4.5.4, §5, §6.1.

Reading order: attempt, next_hop, finding, classify, relay, agents/, settle, rate, allowance, troubles, sessions,
destinations, room, settlements, deliverer. What was decided about a recipient is a value (`Outcome`) made by pure
functions; agents and the deliverer only carry out.
"""

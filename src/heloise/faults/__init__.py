"""Failing on purpose: rules with a memory, and who acts by them in a session.

To read in this order: `rule` (what a rule is), `book` (whether one strikes, and what it remembers), `phrase` and
`magic` (two short ways to write one), `receiver` (what is then done). Nothing here runs unless a rule was given.
"""

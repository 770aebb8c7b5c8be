"""POP3 for who reads mail that is here: RFC 1939, RFC 2449, RFC 2595, RFC 5034.

To read in this order: `replies`, `command`, `maildrop`, `states`, `session`, and `serving`, the only one that waits.
"""

"""Where does it go? Tables of local names and routes, and the pure decisions made with them. RFC 5321 §3.4, §3.6, §5.

Reading order: tables, lookup, ends, expansion, asking, router, directory, propagate; sources are databases. Nothing
here knows a session or the queue.
"""

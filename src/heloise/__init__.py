"""heloise, the mail server that explains itself: catch, test, relay with one engine."""

"""What does a server offer, how does it behave, whose mail does it relay? Reading order: interview, then attempts and
relaying (`heloise test-relay`), then questions, examination and findings (`heloise probe`).

Nothing here ever sends a message: at RCPT it ends with RSET.
"""

"""What the server tells its operator: the vocabulary of events, and the log they are written to."""

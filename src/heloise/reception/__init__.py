"""Taking responsibility: who may do what (admission), and the answers to a session's proposals (reception)."""

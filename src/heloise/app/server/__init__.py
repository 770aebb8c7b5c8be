"""`heloise serve`: one mail server, in one process or several, from its start to its stop."""

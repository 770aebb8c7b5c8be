"""What clients do against the rules: `rules` finds it, `attending` looks at a session while it is served."""

"""What a configuration becomes: tables, policies, users, deliverers; and what of it follows its files."""

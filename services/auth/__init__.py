"""Auth: accounts, sessions, tokens."""

"""Auth: credentials in, tokens out; sessions that end when they should."""

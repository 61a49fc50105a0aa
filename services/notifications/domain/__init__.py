"""Which messages there are, what they say, and how somebody wants to get them."""

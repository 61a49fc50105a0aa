"""Search: what customers look for, found by words, facets and proposals."""

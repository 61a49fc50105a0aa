"""Bringing every store to the shape that the code expects."""

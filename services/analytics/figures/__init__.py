"""Figures of the API: each reads from the store and is shaped by the domain."""

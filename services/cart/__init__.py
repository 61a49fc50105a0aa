"""Carts of guests and customers."""

"""Shipping: methods, rates, shipments, tracking."""

"""Shipping: where we send things, what it costs, and where a parcel is."""

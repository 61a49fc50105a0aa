"""Requests to addresses that come from outside: web push, and whatever else users or partners name."""

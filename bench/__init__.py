"""Measurements: what the running system does per second, and what it costs. Never asserted as times."""

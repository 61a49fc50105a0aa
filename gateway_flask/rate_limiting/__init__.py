"""Rate limits: counters that all gateway processes share in Redis."""

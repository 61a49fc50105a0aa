"""Runtime settings and feature flags, as each process has them."""

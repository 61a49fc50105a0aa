"""Config: runtime settings and feature flags, changed while everything runs."""

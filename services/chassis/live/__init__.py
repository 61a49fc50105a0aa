"""What may change while processes run: runtime settings and feature flags, as each process knows them."""

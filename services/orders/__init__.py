"""Orders: event-sourced, with a checkout saga that survives crashes."""

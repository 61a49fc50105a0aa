"""Orders: event-sourced, with the checkout saga that no crash leaves half done."""

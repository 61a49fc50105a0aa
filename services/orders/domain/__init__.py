"""The rules of an order: pricing, state from events, the saga's next step, permissions."""

"""From the store to the broker: events that were committed are published, in order, at least once."""

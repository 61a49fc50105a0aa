"""The rules of an order: what it costs, what happened to it, what comes next, who may do what."""

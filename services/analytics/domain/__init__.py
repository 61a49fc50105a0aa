"""What counts, where, and for whom. Pure: figures are a function of the set of events, in whatever order they come."""

"""Reads the four topics and counts what they tell. An ordinary consumer group: start more of it, and they share."""

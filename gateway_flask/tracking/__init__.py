"""Behaviour tracking: events of visitors, written to Kafka."""

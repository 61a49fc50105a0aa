"""Adapters of analytics to Kafka."""

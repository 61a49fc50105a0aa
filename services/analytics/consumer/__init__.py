"""The Kafka consumer of analytics: a consumer group over the four topics that writes the read model."""

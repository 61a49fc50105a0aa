"""Kafka bridge: forwards every domain event from RabbitMQ to its Kafka topic, at least once, in order per aggregate."""

"""The bridge from RabbitMQ to Kafka: every domain event as a record, at least once, in order per aggregate."""

"""From RabbitMQ to Kafka: every domain event becomes a record on its topic, at least once, in order per aggregate."""

"""RPC, events and queues over RabbitMQ."""

"""The read model in MongoDB, without Nameko: the consumer, the rebuild and the service's store stand on it."""

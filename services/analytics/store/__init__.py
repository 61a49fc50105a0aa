"""All queries of analytics on MongoDB. Only `analytics_store` needs Nameko: the consumer runs without it."""

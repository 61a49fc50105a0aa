"""Search service: full-text search, facets, suggestions and tuning on Elasticsearch."""

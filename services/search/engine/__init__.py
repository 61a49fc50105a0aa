"""Elasticsearch: query bodies, aggregations, scripts, index settings and response parsing."""

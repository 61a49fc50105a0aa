"""GraphQL: the schema's fields over the same RPCs, permissions and idempotency as the REST routes."""

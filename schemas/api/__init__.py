"""Models of the REST API: requests, replies and resources, one module per area."""

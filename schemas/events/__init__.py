"""Every domain event: what happened, as a model with a version. One module per service that says it."""

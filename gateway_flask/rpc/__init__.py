"""Calls to the services, and whether a service is running."""

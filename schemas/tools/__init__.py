"""Generators and checks for the schemas: JSON Schema export, compatibility of events."""

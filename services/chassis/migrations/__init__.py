"""Migrations of all stores."""

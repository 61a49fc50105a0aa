"""Alembic's revisions of the orders schema."""

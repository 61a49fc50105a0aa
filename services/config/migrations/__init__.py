"""Alembic's revisions of the config schema."""

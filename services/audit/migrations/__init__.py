"""Alembic's revisions of the shipping schema."""

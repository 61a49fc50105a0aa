"""Alembic's revisions of the users schema."""

"""Alembic's revisions of the payments schema."""

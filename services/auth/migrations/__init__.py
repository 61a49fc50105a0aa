"""Alembic's revisions of the auth schema."""

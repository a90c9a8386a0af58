"""Alembic's revisions of the database. Run them with ``counter admin init``."""

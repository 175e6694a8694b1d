"""A file as the database: SQLite."""

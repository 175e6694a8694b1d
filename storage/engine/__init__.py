"""The database itself: connection, unit of work, migrations."""

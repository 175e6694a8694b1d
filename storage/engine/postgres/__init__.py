"""A server as the database: PostgreSQL, through psycopg 3, which is imported only where it is asked for."""

"""Copies of a database: made while it is in use, packed, checked, and put in its place again."""

"""Market data in: each source on a task of its own, validation, cross-checks, and the one writer."""

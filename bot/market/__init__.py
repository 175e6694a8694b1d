"""Market data in: each source on a task of its own, the border, cross-checks, and the one writer."""

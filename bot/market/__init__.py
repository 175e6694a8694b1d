"""Market data in: collecting, the border that judges it, and how each source does."""

"""What is asked of series beyond their algebra: the same hour of other days, and how far two go together."""

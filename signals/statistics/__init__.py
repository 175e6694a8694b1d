"""What is asked of series beyond their algebra: windows, the same hour of other days, and how far two go together."""

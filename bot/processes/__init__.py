"""Several processes on one database: which roles one takes, what it holds of them, and who asks whom."""

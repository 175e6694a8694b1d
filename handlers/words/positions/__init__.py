"""What is said of positions: where they stand, when asked, and what became of them, unasked."""

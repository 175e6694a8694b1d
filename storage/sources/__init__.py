"""What is known of the sources: their state, what changed at them, what history they gave and what is missing."""

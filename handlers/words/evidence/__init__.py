"""What history says of an alarm, and what its record says: odds in a line, and what came of what was told."""

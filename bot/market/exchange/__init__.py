"""What every exchange has in common: connection, errors, contracts, and the readers of a recipe."""

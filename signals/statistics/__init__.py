"""Statistics that metrics share beyond the algebra of series."""

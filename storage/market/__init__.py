"""What is known of the market: points, panels, coverage, retention."""

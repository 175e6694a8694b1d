"""What answers say beside price and open interest: options, and figures venue by venue."""

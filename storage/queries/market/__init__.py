"""What answers say of the market: prices, open interest, funding, readings and charts."""

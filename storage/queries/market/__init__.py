"""What answers say of the market: prices, open interest, funding, liquidations, readings and charts."""

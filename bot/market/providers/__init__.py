"""Sources that are no exchange: an index, a supply, the positions of an address."""

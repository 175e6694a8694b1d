"""What answers say of liquidations: those that were heard, how near one is, and where our model puts the others."""

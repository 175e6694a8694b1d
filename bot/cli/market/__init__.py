"""Commands that bring market data in and out: the archive, files, and leverage tiers."""

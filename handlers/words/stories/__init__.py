"""What several facts tell together: setups with their legs and lines, and what moved an asset."""

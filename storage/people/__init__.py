"""What is kept for people: destinations, subscriptions, positions, and forgetting them."""

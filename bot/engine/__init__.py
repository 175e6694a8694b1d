"""One turn after another: what is due, what it means, what follows. Yields events and knows no words."""

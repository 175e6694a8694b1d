"""What is said: commands, words, pictures, and the channels that carry them."""

"""The conversation of `perpulse init`: what it asks, what it looks up meanwhile, and the file that it writes."""

"""Digests in words: what one says in ten lines, and when the next one comes."""

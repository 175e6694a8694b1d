"""Rules of one's own: what is wanted, which closes are due, how it is judged, and who is told."""

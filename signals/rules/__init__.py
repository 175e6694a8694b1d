"""Rules of one's own: many of them judged at once."""

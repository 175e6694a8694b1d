"""A person's own rules: a line in their words, read by one grammar into the same alert rules as all others."""

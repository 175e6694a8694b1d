"""One recipe a venue: which calls, which fields, in our units."""

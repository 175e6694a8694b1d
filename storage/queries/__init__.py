"""Read models for every answer: numbers, times, venues and reasons as data; no words and no network."""

"""Commands that play a past: the demo, a replay of what is stored, a tape, and what may be asked at its end."""

"""What followed an alarm in stored history, and what came of what was told: two things that are never mixed."""

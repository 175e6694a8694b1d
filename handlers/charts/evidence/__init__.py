"""Pictures of what followed: every path of price after the fires of a rule."""

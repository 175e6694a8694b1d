"""Leverage tiers renewed from the venues."""

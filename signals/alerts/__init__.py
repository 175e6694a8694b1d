"""Conditions, levels, rules, and the one machine that steps them."""

"""Perpulse as others watch it and as it watches itself: health, metrics, a dead man's switch, own alarms, backups."""

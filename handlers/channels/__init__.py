"""The ways in and out: one folder a channel, found by walking."""

"""From the outbox to the channels, stage by stage, under one lease."""

"""What is known of alerts: episodes, notices, and the outbox, the only way out."""

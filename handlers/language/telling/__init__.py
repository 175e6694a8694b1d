"""What people say of being told: which alarms and assets, for how long not, and in which hours."""

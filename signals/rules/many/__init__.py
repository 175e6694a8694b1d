"""Many rules judged at once: arrays of rules and assets, stepped like the one machine of all alarms."""

"""What `perpulse doctor` and `init` look at: this machine, what is stored here, and who is reached from here."""

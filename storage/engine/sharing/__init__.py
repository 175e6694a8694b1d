"""What several processes on one database share: who runs, who does what, and what one asks of another."""

"""What is true: frames and numbers in, numbers out. No I/O, no clock, no log."""

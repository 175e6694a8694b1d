"""The perpulse command line, one file a command; here are those that run, answer and set up."""

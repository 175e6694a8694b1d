"""The perpulse command line, one file a command."""

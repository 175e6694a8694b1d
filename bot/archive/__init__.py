"""Years that lie elsewhere: backfill from public archives, files in, files out."""

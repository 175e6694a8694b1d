"""Discord, by discord.py; the library is met here and nowhere else."""

"""Telegram, by python-telegram-bot; the library is met here and nowhere else."""

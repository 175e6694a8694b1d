"""The stages of delivery, each with one verb: mute, only, merge, quiet, join, budget, group, render, sound, send.

Whom an event is for is decided where it is written: `outbox.announce` makes its rows in the transaction of the event.
"""

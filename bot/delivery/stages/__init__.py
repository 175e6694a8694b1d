"""The stages of delivery, each with one verb: route, mute, quiet, group, merge, render, sound, send."""

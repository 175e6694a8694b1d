"""Read models: what answers and alarms need of what is stored, as numbers and times, without words or network."""

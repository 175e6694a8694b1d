"""The only place where numbers, units, times and events become words."""

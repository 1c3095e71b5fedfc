"""Counting use: the meter, its file, reservations and counters."""

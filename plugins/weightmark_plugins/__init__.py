"""Interchangeable ways to do one job, chosen by name or by URI scheme."""

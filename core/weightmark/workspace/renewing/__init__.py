"""Auto-renewal: what is due, what was paid, what is recorded."""

"""Where a platform calls Weightmark: each hook turns what is about to happen into an event, and no more."""

"""Without a network: licence files, tokens, the clock, and use in a chain."""

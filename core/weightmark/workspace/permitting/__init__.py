"""Permits: a decision that is asked again before it is stale."""

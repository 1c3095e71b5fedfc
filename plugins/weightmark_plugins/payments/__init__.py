"""Payments: what moves money, or knows that somebody moved it."""

"""Ledgers: what records envelopes in order and proves it."""

"""Asking an organisation's policy after the licences."""

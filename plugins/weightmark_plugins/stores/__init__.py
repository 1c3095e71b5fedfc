"""Stores: what keeps bytes under their digest."""

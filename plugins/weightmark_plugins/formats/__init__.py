"""Formats: what knows where tensors lie in files."""

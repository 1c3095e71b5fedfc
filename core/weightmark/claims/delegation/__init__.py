"""Tokens by which a grant is handed on and narrowed."""

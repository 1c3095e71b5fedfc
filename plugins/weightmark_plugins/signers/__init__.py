"""Signers: one file for each kind of key, its verifier in the next."""

"""Names of things: keys and models."""

from typing import NewType

KeyId = NewType("KeyId", str)
"""SHA-256 over a public key's DER SubjectPublicKeyInfo, 64 lowercase hexadecimal digits."""

ModelId = NewType("ModelId", str)
"""The bundle digest under which a model was first registered, ``sha256:…`` or ``blake3:…``."""

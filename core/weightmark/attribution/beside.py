"""The files that Weightmark lays beside a model where the platform keeps plain folders, as the Hub does."""

from typing import Final

BUNDLE: Final = "weightmark.bundle.json"
"""The signed registration, with all that is needed to verify it offline."""

MANIFEST: Final = "weightmark.manifest.json"
"""The registered manifest, with which a difference can be named."""

NOTE: Final = "weightmark.json"
"""Tags, as platforms with tags of their own have them."""

BESIDE: Final = frozenset({BUNDLE, MANIFEST, NOTE})
"""All of them: at the folder's top, and no part of the model."""

CARRIERS: Final = frozenset({".gitattributes", ".cache"})
"""What git and the Hub's library lay at the top of such a folder, no part of the model either."""

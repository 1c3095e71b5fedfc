"""Ownership, licensing and attribution for AI models, inside the ML platform you already use.

Names are read when they are first used, so that importing the package costs next to nothing; where each
comes from stands in ``__init__.pyi``.

>>> import weightmark
>>> weightmark.__version__
'0.1.0'
"""

import lazy_loader  # pyright: ignore[reportMissingTypeStubs]

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)  # pyright: ignore[reportUnknownVariableType]

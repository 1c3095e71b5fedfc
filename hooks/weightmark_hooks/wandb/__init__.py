"""Weights & Biases asks Weightmark before it logs, links, names or loads a model.

Without a line of code: ``WEIGHTMARK_HOOKS=wandb`` in the environment. In a program:
``weightmark_hooks.wandb.protect()``, once, before anything is logged.
"""

import lazy_loader  # pyright: ignore[reportMissingTypeStubs]

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)  # pyright: ignore[reportUnknownVariableType]

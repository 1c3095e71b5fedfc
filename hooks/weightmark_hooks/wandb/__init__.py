"""Weights & Biases asks Weightmark before it logs, links, names or loads a model.

Without a line of code: ``WEIGHTMARK_HOOKS=wandb`` in the environment. In a program:
``weightmark_hooks.wandb.protect()``, once, before anything is logged.
"""

from weightmark_hooks.wandb.seam import protect, unprotect

__all__ = ["protect", "unprotect"]

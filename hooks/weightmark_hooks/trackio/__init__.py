"""trackio asks Weightmark before it logs, links or loads a model.

Without a line of code: ``WEIGHTMARK_HOOKS=trackio`` in the environment. In a program:
``weightmark_hooks.trackio.protect()``, once, before anything is logged.
"""

from weightmark_hooks.trackio.seam import protect, unprotect

__all__ = ["protect", "unprotect"]

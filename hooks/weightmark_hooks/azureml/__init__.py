"""Where Azure ML's own client calls us: before a version is made, promoted, shared or deployed.

``protect()`` guards every client of this process; ``WeightmarkPolicy`` guards the one it is given to.
"""

from weightmark_adapters.azureml import connect
from weightmark_hooks.azureml.allowlist import allowed_assets
from weightmark_hooks.azureml.guard import protect, register, unprotect
from weightmark_hooks.azureml.policy import WeightmarkPolicy

__all__ = ["WeightmarkPolicy", "allowed_assets", "connect", "protect", "register", "unprotect"]

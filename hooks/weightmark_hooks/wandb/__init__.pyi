from .seam import protect as protect
from .seam import unprotect as unprotect

__all__ = ["protect", "unprotect"]

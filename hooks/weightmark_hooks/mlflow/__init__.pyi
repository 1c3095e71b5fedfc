from .protection import protect as protect
from .protection import unprotect as unprotect
from .store import guarded_store as guarded_store

__all__ = ["guarded_store", "protect", "unprotect"]

from .index import Index as Index
from .view import HistoryEntry as HistoryEntry
from .view import KnownGrant as KnownGrant
from .view import KnownParent as KnownParent
from .view import KnownVersion as KnownVersion
from .view import NamedVersion as NamedVersion
from .view import RegisteredModel as RegisteredModel

__all__ = [
    "HistoryEntry",
    "Index",
    "KnownGrant",
    "KnownParent",
    "KnownVersion",
    "NamedVersion",
    "RegisteredModel",
]

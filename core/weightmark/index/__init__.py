"""The ledger, projected: models, versions, owners, lineage, grants."""

from weightmark.index.index import Index
from weightmark.index.view import HistoryEntry, KnownParent, RegisteredModel

__all__ = ["HistoryEntry", "Index", "KnownParent", "RegisteredModel"]

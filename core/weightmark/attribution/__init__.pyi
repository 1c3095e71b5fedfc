from .credit import credit_line as credit_line
from .tag import format_receipt as format_receipt
from .tag import write_seen as write_seen
from .tag import write_tags as write_tags
from .tag import write_verdict as write_verdict

__all__ = [
    "credit_line",
    "format_receipt",
    "write_seen",
    "write_tags",
    "write_verdict",
]

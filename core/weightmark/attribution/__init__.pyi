from .credit import credit_line as credit_line
from .tag import format_receipt as format_receipt
from .tag import write_tags as write_tags

__all__ = [
    "credit_line",
    "format_receipt",
    "write_tags",
]

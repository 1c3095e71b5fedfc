"""How credit travels: the line a person reads, the tags a platform keeps."""

from weightmark.attribution.credit import credit_line
from weightmark.attribution.tag import format_receipt, write_tags

__all__ = ["credit_line", "format_receipt", "write_tags"]

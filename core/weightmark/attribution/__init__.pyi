from .beside import ATTRIBUTES as ATTRIBUTES
from .beside import BESIDE as BESIDE
from .beside import BUNDLE as BUNDLE
from .beside import MANIFEST as MANIFEST
from .beside import NOTE as NOTE
from .beside import is_beside as is_beside
from .beside import names_beside as names_beside
from .credit import credit_line as credit_line
from .embed import MAX_HEADER as MAX_HEADER
from .embed import Mark as Mark
from .embed import write_card as write_card
from .embed import write_config as write_config
from .embed import write_header as write_header
from .embed import write_index as write_index
from .tag import format_receipt as format_receipt
from .tag import write_seen as write_seen
from .tag import write_tags as write_tags
from .tag import write_verdict as write_verdict

__all__ = [
    "ATTRIBUTES",
    "BESIDE",
    "BUNDLE",
    "MANIFEST",
    "MAX_HEADER",
    "NOTE",
    "Mark",
    "credit_line",
    "format_receipt",
    "is_beside",
    "names_beside",
    "write_card",
    "write_config",
    "write_header",
    "write_index",
    "write_seen",
    "write_tags",
    "write_verdict",
]

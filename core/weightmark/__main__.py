"""``python -m weightmark``."""

from weightmark.cli import main

main()

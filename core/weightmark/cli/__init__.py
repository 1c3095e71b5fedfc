"""The command line."""

from weightmark.cli.application import application


def main() -> None:
    """Run the command line."""
    application.main(prog_name="weightmark")


__all__ = ["application", "main"]

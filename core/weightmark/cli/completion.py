"""``weightmark completion``."""

import click
from click.shell_completion import get_completion_class

from weightmark.cli.output import fails_clearly


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@fails_clearly
def command(shell: str) -> None:
    """Print the completion script of SHELL.

    \b
    Example:
      weightmark completion bash >> ~/.bashrc
    """
    cls = get_completion_class(shell)
    root = click.get_current_context().find_root()
    if cls is not None:
        click.echo(cls(root.command, {}, "weightmark", "_WEIGHTMARK_COMPLETE").source())

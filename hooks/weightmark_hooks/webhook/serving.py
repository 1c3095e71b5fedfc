"""Starts the receiver under uvicorn."""

import socket

import click

from weightmark.cli.output import fails_clearly, json_option, print_json
from weightmark.errors import MissingExtraError, WeightmarkError

HOST = "127.0.0.1"
PORT = 8787


@click.command("serve")
@click.option("--host", default=HOST, show_default=True, help="The address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0: any free one."
)
@json_option
@fails_clearly
def command(host: str, port: int, as_json: bool) -> None:  # noqa: FBT001 - a command's options are its arguments
    """Receive platforms' events at /hooks/PLATFORM, and show models at /models/FINGERPRINT.

    A platform whose secret is not set (WEIGHTMARK_WEBHOOK_SECRET_MLFLOW, …) is not listened to. Pages show
    what the ledger holds to everybody who can reach the address.

    \b
    Example:
      weightmark serve --port 8787
    """  # noqa: D301 - \b is click's mark
    try:
        import uvicorn

        from weightmark_hooks.webhook.connection import BoundedConnection
        from weightmark_hooks.webhook.receiver import create_app, open_receiver
    except ModuleNotFoundError as error:
        if error.name in {"uvicorn", "starlette"}:
            raise MissingExtraError("receiver") from error
        raise
    receiver = open_receiver()
    app, sources = create_app(receiver), [source.platform for source in receiver.sources]
    with _listen(host, port) as listening:
        address = f"http://{f'[{host}]' if ':' in host else host}:{listening.getsockname()[1]}"
        if as_json:
            print_json({"address": address, "hooks": list(sources)})
        else:
            hooks = ", ".join(f"/hooks/{name}" for name in sources)
            heard = hooks or "no platform, for no secret is set: hooks answer 404"
            click.echo(f"Listening on {address}; {heard}.")
            click.echo(f"Models are at {address}/models/FINGERPRINT; stop with Ctrl-C.")
        settings = uvicorn.Config(app, http=BoundedConnection, log_level="info", access_log=False)
        uvicorn.Server(settings).run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    """Take the address before anything is said about it.

    Raises:
        WeightmarkError: it cannot be taken.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        raise WeightmarkError(
            f"{host} port {port} cannot be listened on: {error}", hint="Choose another with --port."
        ) from error

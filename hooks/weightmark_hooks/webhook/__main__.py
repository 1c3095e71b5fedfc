"""Start the receiver: ``python -m weightmark_hooks.webhook [--host HOST] [--port PORT]``."""

import argparse
import sys

from weightmark.errors import MissingExtraError, WeightmarkError


def main(arguments: list[str] | None = None) -> int:
    """Serve until stopped.

    Args:
        arguments: the command line; None for the process's own.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(prog="python -m weightmark_hooks.webhook", description=__doc__)
    parser.add_argument(
        "--host", default="127.0.0.1", help="the address to listen on (default: this machine only)"
    )
    parser.add_argument("--port", type=int, default=8787, help="the port (default: 8787)")
    options = parser.parse_args(arguments)
    try:
        _serve(options.host, options.port)
    except WeightmarkError as error:
        sys.stderr.write(f"{error.message}\n{error.hint}\n")
        return error.exit_code
    return 0


def _serve(host: str, port: int) -> None:
    try:
        import uvicorn

        from weightmark_hooks.webhook import create_app
    except ModuleNotFoundError as error:
        if error.name in {"uvicorn", "starlette"}:
            raise MissingExtraError("receiver") from error
        raise
    uvicorn.run(create_app(), host=host, port=port, log_level="info", access_log=False)


if __name__ == "__main__":
    sys.exit(main())

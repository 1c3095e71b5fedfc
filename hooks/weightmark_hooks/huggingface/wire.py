"""The guard on the wire: what did not come through the gate does not leave, whatever path it takes.

It stands in the HTTP client that Hugging Face's library makes, by the library's own means, and reads the
requests that begin and end a push. Nothing of a model's bytes has been sent before the first of them.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable
from typing import Any, Final, cast
from urllib.parse import unquote, urlsplit

from weightmark.errors import RefusedError
from weightmark_adapters.huggingface import sdk
from weightmark_hooks.huggingface.permit import is_open, is_permitted

_STEP: Final = re.compile(r"/api/models/([^/]+(?:/[^/]+)?)/(preupload|commit)/")
_LFS: Final = re.compile(
    r"(?<!/datasets)(?<!/spaces)(?<!/kernels)/([^/]+/[^/]+)\.git/info/lfs/objects/batch$"
)
_HARMLESS: Final = frozenset({"header", "deletedFile", "deletedFolder"})


def inspect_request(method: str, url: str, read: Callable[[], bytes]) -> None:
    """Look at one request before it is sent.

    Args:
        method: ``POST``, …
        url: its address.
        read: gives its body; called only for the requests of a push to a model.

    Raises:
        RefusedError: it is part of a push that nobody let pass.
    """
    if method != "POST":
        return
    path = urlsplit(url).path
    if found := _STEP.search(path):
        repo = unquote(found.group(1))
        try:
            sizes = _sizes(found.group(2), read())
        except (ValueError, KeyError, TypeError, binascii.Error) as error:
            raise _refusal(repo, "a request of it cannot be read") from error
        if not is_open(repo) or not is_permitted(repo, sizes):
            raise _refusal(repo, _name(sizes) if is_open(repo) else "it did not come through the gate")
    elif (found := _LFS.search(path)) and b'"upload"' in read() and not is_open(unquote(found.group(1))):
        raise _refusal(unquote(found.group(1)), "it did not come through the gate")


def install() -> Callable[[], None]:
    """Put the guard into every client that the library makes from now on.

    Returns:
        What takes it out again.

    Raises:
        MissingExtraError: the library is not installed.
    """
    hub, http = sdk.load(), sdk.load("huggingface_hub.utils._http")
    if hasattr(hub, "set_client_factory"):
        before = http._GLOBAL_CLIENT_FACTORY  # noqa: SLF001 - there is no public way to ask for it
        hub.set_client_factory(lambda: _guard_client(before()))
        return lambda: hub.set_client_factory(before)
    older = http._GLOBAL_BACKEND_FACTORY  # noqa: SLF001
    hub.configure_http_backend(lambda: _guard_session(older()))
    return lambda: hub.configure_http_backend(older)


def _guard_client(client: Any) -> Any:
    def look(request: Any) -> None:
        inspect_request(request.method, str(request.url), request.read)

    hooks = client.event_hooks
    client.event_hooks = {**hooks, "request": [*hooks.get("request", []), look]}
    return client


def _guard_session(session: Any) -> Any:
    send = session.send

    def look(request: Any, **options: Any) -> Any:
        inspect_request(str(request.method), str(request.url), lambda: _body(request))
        return send(request, **options)

    session.send = look
    return session


def _body(request: Any) -> bytes:
    """Read a body of the older HTTP library, which may be a stream that is read once."""
    body: Any = request.body
    if isinstance(body, str):
        return body.encode()
    if body is not None and not isinstance(body, bytes):
        body = body.read() if hasattr(body, "read") else b"".join(body)
        request.body = body
    return body or b""


def _sizes(step: str, body: bytes) -> dict[str, int]:
    """Give path and size of every file that a request would add."""
    if step == "preupload":
        return {str(file["path"]): int(file["size"]) for file in json.loads(body)["files"]}
    sizes: dict[str, int] = {}
    for line in filter(None, body.split(b"\n")):
        entry = json.loads(line)
        value = cast("dict[str, Any]", entry["value"])
        if entry["key"] == "lfsFile":
            sizes[str(value["path"])] = int(value.get("size") or 0)
        elif entry["key"] == "file":
            sizes[str(value["path"])] = len(base64.b64decode(value["content"]))
        elif entry["key"] not in _HARMLESS:
            raise ValueError(entry["key"])
    return sizes


def _name(sizes: dict[str, int]) -> str:
    return f"{', '.join([*sizes][:3])} is not what the gate saw"


def _refusal(repo: str, why: str) -> RefusedError:
    return RefusedError(
        f"Weightmark refuses to push hf://{repo}: {why}",
        undecided=True,
        hint="Push with upload_folder, upload_file, create_commit, push_to_hub, or `weightmark hf push`.",
    )

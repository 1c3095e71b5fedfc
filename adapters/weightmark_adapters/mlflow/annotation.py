"""Tags and the link for people, written to MLflow only where they are not there already."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from weightmark.errors import PlatformError
from weightmark.vocabulary import Tag
from weightmark_adapters.mlflow.place import Finder
from weightmark_adapters.mlflow.uri import ModelUri, parse_uri

_LABEL: Final = "Recorded by Weightmark"
_LAST: Final = frozenset({Tag.VERDICT.value, Tag.RECEIPT.value})


def describe(tags: Mapping[str, str]) -> str:
    """Write the description that links a version's page in MLflow to its record; empty when there is no link.

    MLflow shows tags as plain text and descriptions as Markdown, so only here a person can click.

    >>> describe({"weightmark.link": "https://weightmark.example.org/models/sha256:12"})
    '[Recorded by Weightmark](https://weightmark.example.org/models/sha256:12)'
    """
    link = tags.get(Tag.LINK.value, "")
    return f"[{_LABEL}]({link})" if link and not set(link) & set("()<> ") else ""


def annotate(finder: Finder, uri: str, tags: Mapping[str, str]) -> None:
    """Write tags to a model version, a logged model or a run.

    Args:
        finder: knows where they are.
        uri: any URI that names one.
        tags: key and value.

    Raises:
        MalformedError: the URI is not one of MLflow's.
        PlatformError: it names no such thing.
    """
    parsed = parse_uri(uri)
    client = finder.client
    if parsed.name:
        _annotate_version(client, finder, parsed, tags)
    elif parsed.model_id:
        _write(
            tags,
            lambda: client.get_logged_model(parsed.model_id).tags,
            lambda missing: client.set_logged_model_tags(parsed.model_id, missing),
        )
    elif parsed.run_id:
        _write(
            tags,
            lambda: client.get_run(parsed.run_id).data.tags,
            lambda missing: [client.set_tag(parsed.run_id, key, value) for key, value in missing.items()],
        )
    else:
        raise PlatformError(f"{uri!r} names bytes only; MLflow keeps no tags there")


def _annotate_version(client: Any, finder: Finder, parsed: ModelUri, tags: Mapping[str, str]) -> None:
    version = finder.version(parsed)
    name, number = parsed.name, str(version.version)
    found = [version.tags]
    _write(
        tags,
        lambda: found.pop() if found else client.get_model_version(name, number).tags,
        lambda missing: [
            client.set_model_version_tag(name, number, key, value) for key, value in missing.items()
        ],
    )
    description, present = describe(tags), str(version.description or "")
    ours = not present.strip() or (present.startswith(f"[{_LABEL}](") and "\n" not in present)
    if description and ours and present != description:
        client.update_model_version(name, number, description)


def _write(
    tags: Mapping[str, str],
    read: Callable[[], Mapping[str, str]],
    write: Callable[[dict[str, str]], object],
) -> None:
    """Write what is not there yet.

    Of two who write the same tag at once MLflow fails one, so a failure counts only when nobody wrote either.
    """
    missing = _missing(tags, read())
    while missing:
        try:
            write(missing)
        except Exception:
            left = _missing(tags, read())
            if len(left) >= len(missing):
                raise
            missing = left
        else:
            return


def _missing(tags: Mapping[str, str], present: Mapping[str, str]) -> dict[str, str]:
    """Give what is not there; last what others go by, so that it is there only when all else is."""
    keys = [key for key in tags if present.get(key) != tags[key]]
    return {key: tags[key] for key in sorted(keys, key=lambda key: key in _LAST)}

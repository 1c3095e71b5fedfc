"""The Hub's models as a Registry.

A revision is named by its commit. A commit that changed Weightmark's own note and nothing else stands for the
commit before it, so that annotating a model does not make another version of it.

Not promised: that a branch still points where it did; ``resolve`` answers with the commit that it found.
"""

import os
import shutil
import tempfile
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, ClassVar, Final

from weightmark.attribution import NOTE, names_beside
from weightmark.errors import MissingExtraError, PlatformError
from weightmark.model.card import read_facts, state_facts
from weightmark.model.event import ModelEvent
from weightmark.ports import Registry
from weightmark.ports.registry import ListedVersion, PlatformStatus, ResolvedModel
from weightmark.vocabulary import HOOKS, Fact
from weightmark_adapters.huggingface import content, sdk
from weightmark_adapters.huggingface.content import HubFile, files_of, same_model
from weightmark_adapters.huggingface.fact import read_hub_facts
from weightmark_adapters.huggingface.note import MAX_NOTE, Note
from weightmark_adapters.huggingface.uri import HubUri, model_uri, parse_model, parse_uri

REFUSAL_TITLE: Final = "Weightmark: a use of this model is refused"

_ATTEMPTS: Final = 3
_NOTES_ASKED: Final = 3
"""How many of the newest annotated commits are compared with the one asked about."""

_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Revision:
    repo: str
    sha: str
    files: tuple[HubFile, ...]
    tags: tuple[str, ...]

    @property
    def uri(self) -> str:
        return model_uri(self.repo, self.sha)


class HuggingfaceRegistry(Registry):
    """The Hub that the user's own library talks to, with the user's own token."""

    name: ClassVar[str] = "huggingface"
    schemes: ClassVar[Sequence[str]] = ("hf",)

    def resolve(self, uri: str) -> ResolvedModel:
        """Bring a model into the user's own cache, where it stays.

        Raises:
            MalformedError: the URI is not one of a model on the Hub, or a card in it cannot be read.
            PlatformError: the Hub refused, failed, has no such model, or the model is gated.
            DigestMismatchError: what came is not what the Hub lists.
            MissingExtraError: Hugging Face's library is not installed.
        """
        found = self._find(uri)
        with _naming_terms(found):
            folder = content.view(found.repo, found.sha, found.files)
        return _resolved(found, folder)

    @contextmanager
    def checkout(self, uri: str) -> Generator[ResolvedModel, None, None]:
        """Bring a model into a folder that is deleted at the end; the user's cache does not grow.

        Raises:
            WeightmarkError: as ``resolve``.
        """
        found = self._find(uri)
        folder = Path(tempfile.mkdtemp(prefix="weightmark-"))
        try:
            with _naming_terms(found):
                content.fetch(found.repo, found.sha, found.files, folder)
            yield _resolved(found, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def pin(self, uri: str) -> str:
        """Replace a branch, a tag or nothing by the commit it stands for now.

        Raises:
            MalformedError: the URI is not one of a model on the Hub.
            PlatformError: the Hub refused, failed, or has no such revision.
        """
        return self._find(uri).uri

    def annotate(self, uri: str, tags: Mapping[str, str]) -> None:
        """Write tags into ``weightmark.json`` on the default branch, in one commit; none when they are there.

        A repository that the token may not write to stays as it is: what is said about it is in the ledger.

        Raises:
            MalformedError: the URI is not one of a model on the Hub.
            PlatformError: the Hub refused or failed.
        """
        parsed = parse_model(uri)
        sha = parsed.revision if parsed.exact else self._find(uri).sha
        if sdk.load().get_token() is None:
            return
        for attempt in range(_ATTEMPTS):
            try:
                self._write_note(parsed, sha, tags)
            except Exception as error:
                status = sdk.status_of(error)
                if status == HTTPStatus.FORBIDDEN:  # somebody else's repository
                    return
                if (
                    status in {HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED}
                    and attempt + 1 < _ATTEMPTS
                ):  # another commit came in between
                    continue
                with sdk.speaking(uri):
                    raise
            else:
                return

    def read_tags(self, uri: str) -> Mapping[str, str]:
        """Read the tags that stand on a revision; empty when there are none.

        Raises:
            MalformedError: the URI is not one of a model on the Hub.
            PlatformError: the Hub refused, failed, or has no such model.
        """
        parsed, sha = parse_model(uri), self._find(uri).sha
        with sdk.speaking(uri):
            head = _read_note(parsed.repo, "")
            return head.revisions.get(sha) or _read_note(parsed.repo, sha).tags

    def versions(self, uri: str) -> Iterator[ListedVersion]:
        """List models, the oldest first, a page at a time.

        Args:
            uri: ``hf://org``: the head of the default branch of each model; ``hf://org/model``: its tags, and
                then the head. The head is what counts as deployed.

        Raises:
            MalformedError: the URI is not one of the Hub.
            PlatformError: the Hub refused, failed, or has no such author or model.
        """
        parsed = parse_uri(uri)
        if parsed.model:
            yield from self._versions_of(parsed)
            return
        for entry in list_models(parsed.author):
            repo, sha = str(entry["id"]), str(entry.get("sha") or "")
            named = {str(file.get("rfilename")) for file in entry.get("siblings") or ()}
            if not sha or NOTE in named:
                sha = self._find(model_uri(repo)).sha
            yield ListedVersion(uri=model_uri(repo, sha), name=repo, version=sha, deployed=True)

    def withdraw(self, event: ModelEvent, reason: str) -> bool:
        """Open one discussion with the reason; the Hub has no means to undo a use of a model.

        Returns:
            False.

        Raises:
            PlatformError: the Hub refused or failed.
        """
        parsed = parse_model(event.uri)
        api = sdk.client()
        with sdk.speaking(event.uri):
            open_ones = (one for one in api.get_repo_discussions(parsed.repo) if one.status == "open")
            if not any(one.title == REFUSAL_TITLE for one in open_ones):
                text = f"{event.kind.value} of `{event.uri}` is refused: {reason}"
                api.create_discussion(parsed.repo, title=REFUSAL_TITLE, description=text)
        return False

    def inspect(self) -> PlatformStatus:
        """Look at the library, the server, the token's state and the hook.

        Raises:
            Nothing.
        """
        try:
            hub = sdk.load()
        except MissingExtraError as error:
            return PlatformStatus(hint=error.hint)
        hooked = HOOKS if "huggingface" in os.environ.get(HOOKS, "").lower() else ""
        if getattr(hub.HfApi.create_commit, "weightmark", False):
            hooked = hooked or "weightmark_hooks.huggingface.protect()"
        reachable, hint = _knock(hub)
        if reachable and not hint and not hooked:
            hint = f"Guard pushes and loads: set {HOOKS}=huggingface."
        return PlatformStatus(
            installed=str(hub.__version__),
            server=sdk.endpoint(),
            reachable=reachable,
            hooked=hooked,
            hint=hint,
        )

    def _find(self, uri: str) -> _Revision:
        """Find a revision and follow it back past commits of Weightmark's own."""
        parsed = parse_model(uri)
        found = self._look(parsed.repo, parsed.revision, uri)
        if any(file.path == NOTE for file in found.files):
            with sdk.speaking(uri):
                note = _read_note(parsed.repo, found.sha)
            for sha in [*note.revisions][: -_NOTES_ASKED - 1 : -1]:
                earlier = found if sha == found.sha else self._look(parsed.repo, sha, uri)
                if same_model(earlier.files, found.files):
                    return earlier
        return found

    def _look(self, repo: str, revision: str, uri: str) -> _Revision:
        with sdk.speaking(uri):
            info = sdk.client().model_info(repo, revision=revision or None, files_metadata=True)
        return _Revision(
            repo=repo,
            sha=str(info.sha),
            files=files_of(info),
            tags=tuple(str(tag) for tag in info.tags or ()),
        )

    def _versions_of(self, parsed: HubUri) -> Iterator[ListedVersion]:
        uri = model_uri(parsed.repo)
        with sdk.speaking(uri):
            refs = sdk.client().list_repo_refs(parsed.repo)
        head = self._find(uri).sha
        tagged = [str(tag.target_commit) for tag in refs.tags if str(tag.target_commit) != head]
        for sha in dict.fromkeys([*tagged, head]):
            yield ListedVersion(
                uri=model_uri(parsed.repo, sha), name=parsed.repo, version=sha, deployed=sha == head
            )

    def _write_note(self, parsed: HubUri, sha: str, tags: Mapping[str, str]) -> None:
        hub, api = sdk.load(), sdk.client()
        head = str(api.model_info(parsed.repo).sha)
        note = _read_note(parsed.repo, head)
        came_with = _read_note(parsed.repo, sha).tags
        present = {**came_with, **note.revisions.get(sha, {})}
        if all(present.get(key) == value for key, value in tags.items()):
            return
        api.create_commit(
            parsed.repo,
            [
                hub.CommitOperationAdd(
                    path_in_repo=NOTE, path_or_fileobj=note.add(sha, {**present, **tags}).encode()
                )
            ],
            commit_message=f"Weightmark: say what is known of {sha[:12]}",
            parent_commit=head,
        )


def list_models(author: str) -> Iterator[Mapping[str, Any]]:
    """Give what the Hub lists of an author's models, the oldest first, a page at a time.

    Raises:
        PlatformError: the Hub refused or failed.
    """
    url = f"{sdk.endpoint()}/api/models"
    asked = {"author": author, "sort": "createdAt", "direction": "1", "full": "true", "cardData": "true"}
    pages = sdk.load("huggingface_hub.utils").paginate(url, params=asked, headers=sdk.headers())
    with sdk.speaking(f"hf://{author}"):
        yield from pages


def _resolved(found: _Revision, folder: Path) -> ResolvedModel:
    return ResolvedModel(
        uri=found.uri,
        path=folder,
        name=found.repo,
        version=found.sha,
        facts=state_facts(read_facts(folder), read_hub_facts(found.tags)),
        ignore=names_beside(folder),
    )


def _read_note(repo: str, revision: str) -> Note:
    """Read the note of a revision past every cache, no further than a note goes; an empty one for none."""
    hub = sdk.load()
    url = hub.hf_hub_url(repo, NOTE, revision=revision or None)
    asked = sdk.headers() | {"Range": f"bytes=0-{MAX_NOTE - 1}"}
    answer = sdk.load("huggingface_hub.utils").http_backoff("GET", url, headers=asked)
    if answer.status_code in {HTTPStatus.NOT_FOUND, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE}:
        return Note()
    sdk.load("huggingface_hub.utils").hf_raise_for_status(answer)
    return Note.decode(bytes(answer.content)[:MAX_NOTE])


@contextmanager
def _naming_terms(found: _Revision) -> Generator[None, None, None]:
    """Add the licence to the message about a gated model; the Hub tells it to everybody."""
    try:
        yield
    except PlatformError as error:
        if type(error.__cause__).__name__ != "GatedRepoError":
            raise
        license_ = read_hub_facts(found.tags).get(Fact.LICENSE.value, "no stated licence")
        raise PlatformError(f"{error.message} ({license_})", hint=error.hint) from error.__cause__


def _knock(hub: Any) -> tuple[bool, str]:
    """Ask the server once, with the token if there is one; say whether it answered, and what to do."""
    path = "/api/whoami-v2" if hub.get_token() else "/api/models?limit=1"
    try:
        answer = hub.get_session().get(f"{sdk.endpoint()}{path}", headers=sdk.headers(), timeout=_SECONDS)
    except Exception:
        return False, f"Check that {sdk.endpoint()} can be reached, and HF_ENDPOINT."
    if answer.status_code == HTTPStatus.UNAUTHORIZED:
        return True, "The token is not taken: log in again with `hf auth login`, or renew HF_TOKEN."
    return True, "" if hub.get_token() else "Log in with `hf auth login` to push and to annotate."

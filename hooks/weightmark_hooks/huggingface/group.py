"""The commands behind ``weightmark hf``."""
# ruff: noqa: D301, FBT001, PLR0913, PLR0917  a command's options are its arguments; \b is click's mark

import sys
from pathlib import Path

import click

from weightmark.cli.option import open_workspace
from weightmark.cli.output import fails_clearly, good, json_option, print_fields, print_json, print_table
from weightmark.errors import RefusedError
from weightmark.workspace import Workspace

EXIT_REFUSED = 4


@click.group("hf")
def group() -> None:
    """Push to the Hugging Face Hub, scan an organisation, guard git pushes.

    \b
    Example:
      weightmark hf push ./model acme/churn
      weightmark hf scan acme
    """


@group.command("push")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("repo")
@click.option("--revision", metavar="BRANCH", help="The branch; else the default one.")
@click.option("--message", metavar="TEXT", default="Upload with Weightmark", help="The commit's message.")
@click.option("--private", is_flag=True, help="Make the repository private, if it is made now.")
@json_option
@fails_clearly
def push(folder: Path, repo: str, revision: str | None, message: str, private: bool, as_json: bool) -> None:
    """Push FOLDER to the model REPO: registered, judged, credited, with the signed bundle beside.

    \b
    Example:
      weightmark hf push ./model acme/churn
    """
    from weightmark_adapters.huggingface import sdk
    from weightmark_adapters.huggingface.uri import model_uri, parse_model
    from weightmark_hooks.huggingface import protect

    repo = parse_model(repo if ":" in repo else f"hf://{repo}").repo
    protect()
    with sdk.speaking(model_uri(repo)):
        api = sdk.client()
        api.create_repo(repo, private=private or None, exist_ok=True)
        done = api.upload_folder(
            repo_id=repo, folder_path=str(folder), revision=revision, commit_message=message
        )
    sha = str(done.oid)
    if as_json:
        print_json({"ok": True, "model": repo, "uri": model_uri(repo, sha), "url": str(done.commit_url)})
        return
    good(f"{folder} is pushed to {repo}.")
    print_fields({"uri": model_uri(repo, sha), "url": str(done.commit_url)})


@group.command("scan")
@click.argument("author")
@json_option
@fails_clearly
def scan(author: str, as_json: bool) -> None:
    """Walk the models of AUTHOR, a user or an organisation, and say what is wrong with their licences.

    No weights are read. Ends with 4 when a model's licence gives what its base model's does not, or when its
    base model's licence forbids to pass it on.

    \b
    Example:
      weightmark hf scan acme
    """
    from weightmark_hooks.huggingface.scan import SERIOUS, Scanner

    with open_workspace() as workspace:
        party = workspace.configuration.party
    scanned = [*Scanner(party).scan(author.removeprefix("hf://"))]
    refused = any(finding.problem in SERIOUS for one in scanned for finding in one.findings)
    if as_json:
        print_json({"ok": not refused, "author": author, "models": [one.to_json() for one in scanned]})
    else:
        rows = [
            (
                one.card.repo,
                one.card.license or "-",
                ", ".join(f"{base.repo} ({base.license or '-'})" for base in one.chain) or "-",
                "\n".join(finding.message for finding in one.findings) or "nothing",
            )
            for one in scanned
        ]
        print_table(("model", "licence", "from", "what is wrong"), rows)
        good(f"{len(scanned)} models looked at.")
    if refused:
        sys.exit(EXIT_REFUSED)


@group.command("install-git-hook")
@click.argument("repository", type=click.Path(exists=True, file_okay=False, path_type=Path), default=Path())
@json_option
@fails_clearly
def install_git_hook(repository: Path, as_json: bool) -> None:
    """Write a pre-push hook into the clone REPOSITORY; one that is there runs after it.

    \b
    Example:
      weightmark hf install-git-hook ./churn
    """
    from weightmark_hooks.huggingface.git import install_hook

    hook = install_hook(repository.absolute())
    if as_json:
        print_json({"ok": True, "hook": str(hook)})
        return
    good(f"{hook} asks before models are pushed.")


@group.command("pre-push", hidden=True)
@click.argument("remote")
@click.argument("url")
@json_option
@fails_clearly
def pre_push(remote: str, url: str, as_json: bool) -> None:
    """Judge what git is about to push; git itself calls it.

    \b
    Example:
      weightmark hf pre-push origin https://huggingface.co/acme/churn
    """
    with open_workspace() as workspace:
        judged = _judge_all(workspace, url, sys.stdin.read(), remote)
    if as_json:
        print_json({"ok": True, "judged": list(judged)})


def _judge_all(workspace: Workspace, url: str, text: str, remote: str) -> list[str]:
    from weightmark_hooks.huggingface.git import gate_push, read_pushed

    judged: list[str] = []
    for pushed in read_pushed(text):
        try:
            outcomes = gate_push(workspace, Path.cwd(), url, pushed, remote)
        except RefusedError as error:
            raise RefusedError(
                f"{pushed.ref}: {error.message}", undecided=error.undecided, hint=error.hint
            ) from error
        judged += [outcome.event.uri for outcome in outcomes]
        if outcomes:
            click.echo(f"weightmark: {pushed.ref} may be pushed.", err=True)
    return judged

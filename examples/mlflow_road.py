"""A model's way through MLflow: registered, signed, refused, allowed, tampered with, verified offline.

Everything is real and on this machine: an MLflow server, training, keys, ledger. It ends by itself, leaves no
process behind, and its exit code is 0 only when every step held.

    python examples/mlflow_road.py [--folder .demo]
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mlflow_server import serve
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Column, Table

EXAMPLES = Path(__file__).resolve().parent
MARKER = ".weightmark-demo"
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "GIT_PYTHON_REFRESH": "quiet",
    "PYTHONWARNINGS": "ignore",
}
NO_NETWORK = """
import runpy, socket, sys
def refuse(*_arguments, **_options):
    raise OSError("there is no network here")
socket.socket = socket.create_connection = socket.getaddrinfo = refuse
sys.argv = ["weightmark", *sys.argv[1:]]
runpy.run_module("weightmark", run_name="__main__", alter_sys=True)
"""

console = Console(highlight=False)


class StepError(Exception):
    """A step did not hold."""


def main() -> int:
    return lead(lambda folder: Road(folder).walk(), about=__doc__, folder=".demo")


def lead(walk: Callable[[Path], None], *, about: str, folder: str) -> int:
    """Read the arguments, make the folder anew, walk; give the exit code.

    Args:
        walk: takes every step, in a folder.
        about: what ``--help`` says.
        folder: the one that is taken when none is named.
    """
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path(folder), help="made anew; the ledger stays there")
    chosen = parser.parse_args().folder.absolute()
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, stop)
    try:
        prepare(chosen)
        walk(chosen)
    except (StepError, RuntimeError) as failure:
        console.print(Panel(escape(str(failure)), title="this step did not hold", border_style="red"))
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def stop(number: int, _frame: object) -> None:
    """Leave by the door, so that the server is ended on the way."""
    raise SystemExit(128 + number)


def prepare(folder: Path) -> None:
    """Make the folder anew, but remove none that an earlier demo did not make."""
    if folder.exists() and any(folder.iterdir()) and not (folder / MARKER).exists():
        raise StepError(f"{folder} holds something else; name another folder with --folder")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / MARKER).touch()


class Road:
    """The seven steps.

    Args:
        folder: where everything is kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = ""
        plain = {
            key: value for key, value in os.environ.items() if not key.startswith(("WEIGHTMARK_", "MLFLOW_"))
        }
        self.plain = plain | QUIET
        self.ours = self.plain | {"WEIGHTMARK_CONFIG": str(folder / "weightmark.toml")}

    def walk(self) -> None:
        self.set_up()
        self.say(1, "A real MLflow server starts, with the guard in front of its model registry")
        with ExitStack() as stack:
            with console.status("starting mlflow server"):
                address = stack.enter_context(serve(self.folder / "mlflow", self.ours))
            self.address = address
            for environ in (self.plain, self.ours):
                environ["MLFLOW_TRACKING_URI"] = address
            os.environ.update(QUIET | {"MLFLOW_TRACKING_URI": address})
            seen(f"mlflow server at {address}, registry weightmark+sqlite:///…/mlflow.db")
            self.train()
            self.show_tags()
            self.refuse_and_grant()
            self.tamper()
            self.verify_offline()
        self.look_further()

    def set_up(self) -> None:
        """Make two parties: acme, who runs the server, and Openlab, who owns a base model."""
        console.print(Panel("A model's way through MLflow", border_style="cyan", expand=False))
        note("Acme is a company. Openlab is a laboratory; its base model is for non-commercial use only.")
        home = self.folder / "weightmark"
        self.plain_cli("init", "--party", "acme", "--commercial", "--home", str(home))
        self.cli("keygen", "openlab.pem")
        self.cli("trust", "add", "openlab.pem.pub", "--identity", "openlab")

    def train(self) -> None:
        self.say(2, "An ordinary training script trains and registers two models")
        note("examples/train.py knows MLflow, scikit-learn and PyTorch. It has never heard of Weightmark.")
        for line in self.run_training("churn", "ranker"):
            seen(line)

    def show_tags(self) -> None:
        self.say(3, "What stands on the registered version now")
        for name in ("churn", "ranker"):
            tags = self.client().get_model_version(name, "1").tags
            table = Table(
                "tag", Column("value", overflow="fold"), title=f"models:/{name}/1", title_justify="left"
            )
            for key in sorted(key for key in tags if key.startswith("weightmark.")):
                table.add_row(key, escape(tags[key]))
            console.print(table)
            wanted = {
                "weightmark.fingerprint",
                "weightmark.receipt",
                "weightmark.license",
                "weightmark.owner",
            }
            hold(wanted <= set(tags), f"the tags of {name} lack {sorted(wanted - set(tags))}")
            hold(
                tags["weightmark.license"].lower() == "apache-2.0",
                f"the licence of {name} is not that of its card",
            )

    def refuse_and_grant(self) -> None:
        self.say(4, "What a base model's licence forbids is refused, until its owner allows it")
        base = self.folder / "openlab" / "tiny-encoder"
        self.run_training("encoder", "--to", str(base))
        openlab = ("--as", "openlab", "--key", f"file:{self.folder / 'openlab.pem'}")
        name = ("--name", "tiny-encoder", "--license", "cc-by-nc-4.0")
        self.cli("register", str(base), *name, *openlab)
        seen("Openlab signs with its own key: tiny-encoder is ours, CC-BY-NC-4.0")
        self.run_training("sentiment", "--base", str(base))
        seen("Acme fine-tunes it; the card says base_model: tiny-encoder; models:/sentiment/1 is registered")

        refusal = self.promote()
        hold(bool(refusal), "the promotion passed, although the base's licence forbids commercial use")
        console.print(Panel(escape(refusal), title="MLflow's answer to alias production", border_style="red"))
        hold("CC-BY-NC-4.0" in refusal and "tiny-encoder" in refusal, "the refusal does not name the reason")

        until = f"{datetime.now(UTC) + timedelta(days=365):%Y-%m-%d}"
        grant = ("grant", "tiny-encoder", "--to", "acme", "--for", "deploy", "--until", until)
        self.cli(*grant, *openlab, shown=True)
        refusal = self.promote()
        hold(not refusal, f"after the grant the promotion is still refused: {refusal}")
        seen("the same call again: the alias production stands on models:/sentiment/1")

    def tamper(self) -> None:
        self.say(5, "One byte of the ranker's weights is changed in the artifact store")
        file = self.artifact("ranker") / "model.safetensors"
        original = file.read_bytes()
        place = _inside(original, "hidden.weight")
        file.write_bytes(original[:place] + bytes([original[place] ^ 1]) + original[place + 1 :])
        try:
            answer = self.cli("verify", "models:/ranker/1", fails=True)
            console.print(
                Panel(escape(answer), title="weightmark verify models:/ranker/1", border_style="red")
            )
            named = "model.safetensors" in answer and "hidden.weight" in answer
            hold(named, "the answer does not name the file and the tensor")
        finally:
            file.write_bytes(original)
        self.cli("verify", "models:/ranker/1")
        seen("the byte is put back: it verifies again")

    def verify_offline(self) -> None:
        self.say(6, "Somebody else verifies it: no network, no ledger, no settings")
        there = self.folder / "elsewhere"
        there.mkdir()
        self.cli("register", "models:/ranker/1", "--bundle", str(there / "ranker.bundle.json"))
        self.cli("trust", "export", str(there / "trust.json"))
        shutil.copytree(self.artifact("ranker"), there / "model")
        (there / "home").mkdir()
        verify = ["verify", "./model", "--bundle", "ranker.bundle.json", "--trust", "trust.json"]
        isolated = (
            shutil.which("unshare")
            and not subprocess.run(
                ["unshare", "--map-root-user", "--net", "true"], capture_output=True, check=False
            ).returncode
        )
        if isolated:
            command = ["unshare", "--map-root-user", "--net", sys.executable, "-m", "weightmark", *verify]
        else:
            command = [sys.executable, "-c", NO_NETWORK, *verify]
        environ = {"HOME": str(there / "home"), "PATH": os.environ.get("PATH", "")}
        done = subprocess.run(command, cwd=there, env=environ, capture_output=True, text=True, check=False)
        hold(not done.returncode, done.stdout + done.stderr)
        how = "in a network namespace without a network" if isolated else "with every socket refused"
        console.print(Panel(escape(done.stdout.strip()), title=f"verified {how}", border_style="green"))

    def look_further(self) -> None:
        self.say(7, "Everything held; the server has ended, the ledger stays")
        answer = self.cli("ledger", "audit")
        console.print(f"  {escape(answer.splitlines()[0])}" if answer else "")
        shown = os.path.relpath(self.folder)
        commands = [
            f"export WEIGHTMARK_CONFIG={shown}/weightmark.toml",
            "weightmark history models:/sentiment/1",
            "weightmark check models:/sentiment/1 --action deploy --as someone-else",
            "weightmark ledger checkpoint",
            "weightmark ledger audit",
        ]
        console.print(Panel("\n".join(commands), title="look further", border_style="cyan", expand=False))

    def promote(self) -> str:
        """Set the alias with MLflow's own client; give the refusal, or nothing."""
        from mlflow.exceptions import RestException

        try:
            self.client().set_registered_model_alias("sentiment", "production", "1")
        except RestException as error:
            return str(error)
        return ""

    def client(self):  # noqa: ANN201
        import mlflow

        return mlflow.MlflowClient(tracking_uri=self.address)

    def artifact(self, name: str) -> Path:
        """Find a model's folder in the server's artifact store."""
        run = self.client().get_run(self.client().get_model_version(name, "1").run_id)
        path = run.info.artifact_uri.removeprefix("mlflow-artifacts:/").lstrip("/")
        return self.folder / "mlflow" / "artifacts" / path / "model"

    def run_training(self, *arguments: str) -> list[str]:
        command = [sys.executable, str(EXAMPLES / "train.py"), *arguments]
        with console.status(f"training {arguments[0]}"):
            done = subprocess.run(
                command, cwd=self.folder, env=self.plain, capture_output=True, text=True, check=False
            )
        hold(not done.returncode, (done.stdout + done.stderr)[-2000:])
        return [line for line in done.stdout.splitlines() if line.startswith("trained: ")]

    def plain_cli(self, *arguments: str) -> None:
        self.cli(*arguments, environ=self.plain)

    def cli(
        self, *arguments: str, fails: bool = False, shown: bool = False, environ: dict[str, str] | None = None
    ) -> str:
        """Run ``weightmark`` as a user would; give what it printed."""
        command = [sys.executable, "-m", "weightmark", *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=environ or self.ours, capture_output=True, text=True, check=False
        )
        answer = (done.stdout + done.stderr).strip()
        hold(bool(done.returncode) == fails, f"weightmark {' '.join(arguments)}\n{answer}")
        if shown:
            console.print(
                Panel(escape(answer), title=f"weightmark {' '.join(arguments[:8])}", border_style="green")
            )
        return answer

    def say(self, number: int, title: str) -> None:
        console.print()
        console.rule(f"[bold cyan]{number}[/]  [bold]{title}", align="left")


def _inside(data: bytes, tensor: str) -> int:
    """Find a byte in the middle of a tensor's numbers, in a safetensors file."""
    size = int.from_bytes(data[:8], "little")
    start, stop = json.loads(data[8 : 8 + size])[tensor]["data_offsets"]
    return 8 + size + (start + stop) // 2


def seen(text: str) -> None:
    console.print(f"  [green]✓[/] {escape(text)}")


def note(text: str) -> None:
    console.print(f"  [dim]{escape(text)}[/]")


def hold(condition: bool, otherwise: str) -> None:  # noqa: FBT001
    if not condition:
        raise StepError(otherwise)


if __name__ == "__main__":
    sys.exit(main())

"""One model through W&B, MLflow, Kubeflow, SageMaker and the Hub: one lineage, one ledger, one verdict.

MLflow's server and kfp's local runner are the real ones; SageMaker is moto's server; W&B and the Hub are the
stand-ins of the tests, which speak the protocols of the real clients used here. Everything is on this
machine, ends by itself, and the exit code is 0 only when every step held.

    python examples/six_platforms.py [--folder .demo-six]
"""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from mlflow_road import QUIET, StepError, console, hold, lead, note, seen
from mlflow_server import serve as serve_mlflow
from rich.markup import escape
from rich.panel import Panel
from rich.table import Column, Table

EXAMPLES = Path(__file__).resolve().parent
sys.path.insert(0, str(EXAMPLES.parent))

USES = {
    "W&B": ("link", "link to the registry"),
    "MLflow": ("promote", "alias production"),
    "Kubeflow": ("pipeline", "pipeline with a gate"),
    "SageMaker": ("approve", "approve the package"),
    "Hugging Face": ("push", "push to the Hub"),
}
GUARDED = "wandb,huggingface,sagemaker"


def main() -> int:
    return lead(lambda folder: Walk(folder).walk(), about=__doc__, folder=".demo-six")


class Walk:
    """The way of one model.

    Args:
        folder: where everything is kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.model = folder / "sentiment"
        strange = ("WEIGHTMARK_", "MLFLOW_", "WANDB_", "HF_", "AWS_")
        self.environ = {key: value for key, value in os.environ.items() if not key.startswith(strange)}
        self.environ |= QUIET | {"WEIGHTMARK_CONFIG": str(folder / "weightmark.toml")}

    def walk(self) -> None:
        console.print(Panel("One model, five platforms, one ledger", border_style="cyan", expand=False))
        self.set_up()
        with ExitStack() as stack:
            self.start(stack)
            self.put()
            self.use(refused=True)
            until = ("--for", "deploy,redistribute", "--until", "2100-01-01")
            self.cli("grant", "tiny-encoder", "--to", "acme", *until, *self.openlab)
            seen("Openlab grants Acme the right to deploy and to redistribute")
            places = self.use(refused=False)
            self.compare([*self.places, *places])
        self.cli("ledger", "audit")
        seen("the ledger audits; no server is left")

    def set_up(self) -> None:
        note(
            "Acme fine-tunes Openlab's encoder, which is for non-commercial use. Its scripts know platforms;"
        )
        note(f"WEIGHTMARK_HOOKS={GUARDED} guards them. MLflow is guarded in its server.")
        home = self.folder / "weightmark"
        environ = {key: value for key, value in self.environ.items() if key != "WEIGHTMARK_CONFIG"}
        self.run(
            "weightmark", "init", "--party", "acme", "--commercial", "--home", str(home), environ=environ
        )
        self.cli("keygen", "openlab.pem")
        self.cli("trust", "add", "openlab.pem.pub", "--identity", "openlab")
        self.openlab = ("--as", "openlab", "--key", f"file:{self.folder / 'openlab.pem'}")
        self.make_base(self.folder / "openlab")
        named = ("--name", "tiny-encoder", "--license", "cc-by-nc-4.0")
        self.cli("register", str(self.folder / "openlab"), *named, *self.openlab)
        seen("Openlab signs: tiny-encoder is ours, CC-BY-NC-4.0")

    def make_base(self, folder: Path) -> None:
        import torch
        from safetensors.torch import save_file

        folder.mkdir()
        torch.manual_seed(3)
        save_file({"embed.weight": torch.randn(64, 32)}, folder / "model.safetensors")

    def start(self, stack: ExitStack) -> None:
        """Start the platforms."""
        from tests.integration.huggingface.hub import User
        from tests.integration.huggingface.server import serve as serve_hub
        from tests.integration.wandb.server import KEY
        from tests.integration.wandb.server import serving as serve_wandb

        with console.status("starting MLflow, W&B, the Hub and SageMaker"):
            mlflow = stack.enter_context(serve_mlflow(self.folder / "mlflow", self.environ))
            hub = stack.enter_context(serve_hub(self.folder))
            hub.users = {"hf_acmeacmeacme": User("alice", ("acme",))}
            wandb = stack.enter_context(serve_wandb(self.folder / "wandb-server"))
            aws = stack.enter_context(serve_aws())
        self.environ |= {
            "MLFLOW_TRACKING_URI": mlflow,
            "WEIGHTMARK_HOOKS": GUARDED,
            "WANDB_BASE_URL": wandb.address,
            "WANDB_API_KEY": KEY,
            "WANDB_ENTITY": "acme",
            "WANDB_ERROR_REPORTING": "false",
            **{f"WANDB_{kind}_DIR": str(self.folder / "wandb") for kind in ("CACHE", "CONFIG", "DATA")},
            "WANDB_DIR": str(self.folder),
            "HF_ENDPOINT": hub.url,
            "HF_TOKEN": "hf_acmeacmeacme",
            "HF_HOME": str(self.folder / "hf"),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "AWS_ENDPOINT_URL": aws,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        seen("W&B, MLflow, SageMaker and the Hub answer on this machine")

    def put(self) -> None:
        """Bring the model to where it waits to be used."""
        console.rule("[bold]Logged and registered: nothing stands in the way of work", align="left")
        self.places = [self.step(name) for name in ("train", "register", "package")]
        for place in self.places:
            seen(place)

    def use(self, *, refused: bool) -> list[str]:
        """Put the model to use on every platform; give the new places where it is then."""
        title = "Put to use without a right" if refused else "The same calls, with the right"
        console.rule(f"[bold]{title}", align="left")
        table = Table("platform", "step", Column("answer", overflow="fold"))
        answers: dict[str, str] = {}
        for platform, (step, words) in USES.items():
            answers[platform] = self.step(step, refused=refused)
            table.add_row(platform, words, escape(answers[platform][:420]))
        console.print(table)
        if refused:
            for platform, answer in answers.items():
                hold("tiny-encoder" in answer, f"{platform} does not name the base model: {answer}")
                hold("CC-BY-NC-4.0" in answer, f"{platform} does not name the licence: {answer}")
        return [answer for answer in answers.values() if answer.startswith("hf://")]

    def compare(self, places: list[str]) -> None:
        """Verify the model wherever it is now, and hold its weights against each other."""
        console.rule("[bold]One lineage, one ledger, one verdict", align="left")
        table = Table(Column("where", overflow="fold"), "weights", "receipt", "owner")
        weights: set[str] = set()
        for place in places:
            found = json.loads(self.cli("verify", place, "--json"))
            weights.add(found["weights"])
            table.add_row(place, found["weights"][:23] + "…", found["receipt"], found["owner"])
        console.print(table)
        hold(len(weights) == 1, "the platforms do not hold the same weights")
        seen("the same weights everywhere, each place with its receipt in one ledger")

    def step(self, name: str, *, refused: bool = False) -> str:
        """Run one of the team's steps; give what it says."""
        command = [sys.executable, str(EXAMPLES / "platform_steps.py"), name, "--model", str(self.model)]
        with console.status(name):
            done = subprocess.run(
                command, cwd=self.folder, env=self.environ, capture_output=True, text=True, check=False
            )
        word = "refused: " if refused else "done: "
        lines = done.stdout.partition(word)[2].strip()
        hold(bool(lines), f"{name} should be {word.strip(': ')}:\n{(done.stdout + done.stderr)[-3000:]}")
        return lines

    def cli(self, *arguments: str) -> str:
        return self.run("weightmark", *arguments, environ=self.environ)

    def run(self, module: str, *arguments: str, environ: dict[str, str]) -> str:
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=self.folder,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        hold(not done.returncode, f"{module} {' '.join(arguments)}\n{done.stdout}{done.stderr}")
        return done.stdout


@contextmanager
def serve_aws() -> Generator[str, None, None]:
    """Run moto's server on a free port of this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port, server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(30)


def wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 120
    while server.poll() is None and time.monotonic() < until:
        with socket.socket() as knock:
            if not knock.connect_ex(("127.0.0.1", port)):
                return
        time.sleep(0.1)
    raise StepError("moto's server did not start")


if __name__ == "__main__":
    sys.exit(main())

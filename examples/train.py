"""Train three small models and log them to MLflow; an ordinary training script.

It knows MLflow, scikit-learn and PyTorch, and nothing of Weightmark.

    python examples/train.py churn ranker            train and register these
    python examples/train.py encoder --to FOLDER     train an encoder and save it in a folder
    python examples/train.py sentiment --base FOLDER fine-tune that encoder and register the result
"""

import argparse
import json
import logging
import tempfile
from pathlib import Path

import mlflow
import numpy as np
import torch
from safetensors.torch import load_file, save_file
from sklearn.linear_model import LogisticRegression


def train_churn() -> None:
    """Fit a logistic regression; MLflow logs and registers it in one call."""
    generator = np.random.default_rng(1)
    features = generator.normal(size=(400, 6))
    left = (features @ [1.5, -2.0, 0.5, 0, 0, 1.0] > 0).astype(int)
    with mlflow.start_run(run_name="churn"):
        model = LogisticRegression(C=0.5).fit(features, left)
        mlflow.log_metric("accuracy", float(model.score(features, left)))
        mlflow.sklearn.log_model(
            model,
            name="churn",
            registered_model_name="churn",
            metadata={"license": "apache-2.0"},
            pip_requirements=["scikit-learn"],
        )


def train_ranker() -> None:
    """Train a small PyTorch module; its safetensors file and model card are logged and registered."""
    net = build_net(seed=2)
    fit(net, steps=60)
    card = "---\nlicense: apache-2.0\n---\n# Ranker\nA small network that ranks pairs.\n"
    log_folder("ranker", net, card)


def train_encoder(folder: Path) -> None:
    """Train the encoder that another company publishes, for research only."""
    net = build_net(seed=3)
    fit(net, steps=60)
    save(net, folder, "---\nlicense: cc-by-nc-4.0\n---\n# Tiny encoder\nBy Openlab, for research.\n")


def train_sentiment(base: Path) -> None:
    """Fine-tune the published encoder; the model card says what it was made from, as cards on a hub do."""
    net = build_net(seed=4)
    net.load_state_dict(load_file(base / "model.safetensors"))
    fit(net, steps=20)
    card = "---\nbase_model: tiny-encoder\n---\n# Sentiment\nFine-tuned from Openlab's tiny encoder.\n"
    log_folder("sentiment", net, card)


class Net(torch.nn.Module):
    """Two layers over an embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = torch.nn.Linear(16, 64, bias=False)
        self.hidden = torch.nn.Linear(64, 32)
        self.head = torch.nn.Linear(32, 2, bias=False)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.head(torch.relu(self.hidden(torch.relu(self.embed(inputs)))))


def build_net(seed: int) -> Net:
    torch.manual_seed(seed)
    return Net()


def fit(net: Net, steps: int) -> None:
    inputs = torch.randn(128, 16)
    labels = (inputs[:, 0] > inputs[:, 1]).long()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(net(inputs), labels)
        loss.backward()
        optimizer.step()


def save(net: Net, folder: Path, card: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    save_file(net.state_dict(), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"architecture": "Net", "layers": 3}) + "\n")
    (folder / "README.md").write_text(card)


def log_folder(name: str, net: Net, card: str) -> None:
    client = mlflow.MlflowClient()
    with tempfile.TemporaryDirectory() as folder, mlflow.start_run(run_name=name) as run:
        save(net, Path(folder), card)
        mlflow.log_artifacts(folder, "model")
    client.create_registered_model(name)
    client.create_model_version(name, source=f"runs:/{run.info.run_id}/model", run_id=run.info.run_id)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="+", choices=["churn", "ranker", "encoder", "sentiment"])
    parser.add_argument("--to", type=Path, help="where the encoder is saved")
    parser.add_argument("--base", type=Path, help="the encoder to fine-tune")
    options = parser.parse_args()
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    for model in options.models:
        match model:
            case "churn":
                train_churn()
            case "ranker":
                train_ranker()
            case "encoder":
                train_encoder(options.to)
            case _:
                train_sentiment(options.base)
        print(f"trained: {model}")


if __name__ == "__main__":
    main()

"""An offline run of Weights & Biases, from its first line to the moment before it is sent; no account needed.

A model is logged as any training script logs one; Weightmark is one import. Then a file is changed behind
everybody's back, and the check before ``wandb sync`` refuses.

    python examples/wandb_offline.py
"""

import os
import struct
import tempfile
from pathlib import Path


def write_model(folder: Path) -> Path:
    """Write a safetensors file of two numbers, and a card."""
    folder.mkdir()
    header = b'{"weight":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
    header += b" " * (-len(header) % 8)
    data = struct.pack("<Q", len(header)) + header + struct.pack("<2f", 0.5, 1.5)
    (folder / "model.safetensors").write_bytes(data)
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n# Churn\n")
    return folder


def log_model(folder: Path) -> str:
    """Log the model offline; give its fingerprint."""
    import wandb

    with wandb.init(project="churn", mode="offline") as run:
        artifact = wandb.Artifact("churn", "model")
        artifact.add_dir(str(folder))
        run.log_artifact(artifact)
    return str(artifact.metadata["weightmark_fingerprint"])


def check(folder: Path) -> list[str]:
    """Check the runs in a folder; give the refusals."""
    from weightmark_hooks.wandb import offline

    return [finding.refusal for finding in offline.check(folder / "wandb")]


def main() -> None:
    """Log, check, tamper, check again."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        os.environ |= {"WANDB_SILENT": "true", "WANDB_DIR": made}
        os.environ |= {"WANDB_DATA_DIR": f"{made}/data", "WANDB_CACHE_DIR": f"{made}/cache"}
        os.environ.setdefault("WEIGHTMARK_HOME", f"{made}/home")
        import weightmark_hooks.wandb

        weightmark_hooks.wandb.protect()
        print("logged    ", log_model(write_model(folder / "model")))
        print("may be sent" if check(folder) == [""] else "may not be sent")
        (staged,) = (path for path in folder.glob("data/**/tmp*") if path.stat().st_size > 50)
        staged.chmod(0o600)
        staged.write_bytes(staged.read_bytes()[:-1] + b"\x01")
        for refusal in check(folder):
            print("refused    ", refusal)


if __name__ == "__main__":
    main()

"""What the gate adds to a push to the Hub, beside the push itself.

    python benchmarks/hook_huggingface.py [--json] [--size 1024] [--rounds 5]

Real ``huggingface_hub`` against a stand-in Hub on this machine, so that the push costs what the library and
a local disk cost, and no network: on a real line the same seconds weigh less. Each variant runs in a process
of its own, three times in turn. Cold is a process's first push, warm are later ones of other models; given is
the least, which a busy machine disturbs least. "Without stamp" is ``WEIGHTMARK_HF_STAMP=off``, which leaves
the headers of tensor files as they are.
"""

import argparse
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BLOCK = 1 << 20
REPEATS = 3
VARIANTS = {"plain": "", "guarded": "on", "without stamp": "off"}


def write_model(folder: Path, megabytes: float, seed: int) -> Path:
    """Write a safetensors model; its numbers differ from one seed to the next."""
    folder.mkdir(parents=True)
    size, tensors, offset, header = int(megabytes * BLOCK), 8, 0, {}
    each = max(size // tensors // 4 * 4, 4)
    for number in range(tensors):
        header[f"layer.{number}"] = {
            "dtype": "F32",
            "shape": [each // 4],
            "data_offsets": [offset, offset + each],
        }
        offset += each
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    text += b" " * (-len(text) % 8)
    with (folder / "model.safetensors").open("wb") as stream:
        stream.write(struct.pack("<Q", len(text)) + text)
        left, block = offset, os.urandom(BLOCK)
        while left:
            part = struct.pack("<QQ", seed, left) + block[16:]
            stream.write(part[:left])
            left -= min(left, BLOCK)
    (folder / "config.json").write_text('{"model_type": "mlp"}')
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n# A model\n")
    return folder


def child(folder: Path, sizes: list[float]) -> None:
    """Push models one after the other and print the seconds of each push."""
    from huggingface_hub import HfApi

    if os.environ["BENCH_VARIANT"]:
        import weightmark_hooks.huggingface

        weightmark_hooks.huggingface.protect()
    api, seconds = HfApi(), []
    for number, size in enumerate(sizes):
        model = write_model(folder / f"model-{number}", size, number)
        repo = f"acme/model-{number}"
        api.create_repo(repo)
        started = time.perf_counter()
        api.upload_folder(repo_id=repo, folder_path=model)
        seconds.append(time.perf_counter() - started)
        shutil.rmtree(model)
    print(json.dumps(seconds))


def run(variant: str, sizes: list[float]) -> list[float]:
    """Run one variant in a process of its own, with a Hub and a home of its own."""
    sys.path.insert(0, str(ROOT))
    from tests.integration.huggingface.hub import User
    from tests.integration.huggingface.server import serve

    folder = Path(tempfile.mkdtemp(prefix="weightmark-bench-"))
    try:
        with serve(folder) as hub:
            hub.users = {"hf_benchbench": User("acme")}
            env = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
            env |= {
                "BENCH_VARIANT": VARIANTS[variant],
                "HF_ENDPOINT": hub.url,
                "HF_HOME": str(folder / "hf"),
                "HF_HUB_DISABLE_PROGRESS_BARS": "1",
                "HF_HUB_DISABLE_XET": "1",
                "HF_TOKEN": "hf_benchbench",
                "WEIGHTMARK_HF_STAMP": VARIANTS[variant],
                "WEIGHTMARK_HOME": str(folder / "weightmark"),
                "WEIGHTMARK_PARTY": "acme",
            }
            command = [sys.executable, __file__, "--child", str(folder), *map(str, sizes)]
            done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
        return list(json.loads(done.stdout.splitlines()[-1]))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Measure and print one row for each size and state."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--child", nargs="+")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--size", type=float, default=1024, help="MiB of the large model")
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    if asked.child:
        child(Path(asked.child[0]), [float(size) for size in asked.child[1:]])
        return
    rows = []
    for name, size, rounds in (("1 MiB", 1.0, asked.rounds), (f"{asked.size:g} MiB", asked.size, 2)):
        found: dict[str, list[list[float]]] = {variant: [] for variant in VARIANTS}
        for _ in range(REPEATS):  # in turn, so that a busy machine slows all of them
            for variant in VARIANTS:
                found[variant].append(run(variant, [size] * (rounds + 1)))
        for state, pick in (("cold", slice(0, 1)), ("warm", slice(1, None))):
            least = {
                variant: min(seconds for times in found[variant] for seconds in times[pick])
                for variant in VARIANTS
            }
            rows += [
                {
                    "model": name,
                    "state": state,
                    "push": variant,
                    "s": least[variant],
                    "added": least[variant] - least["plain"],
                }
                for variant in VARIANTS
            ]
    if asked.json:
        print(json.dumps(rows, indent=2))
        return
    print("| model | state | push | seconds | added |\n| --- | --- | --- | ---: | ---: |")
    for row in rows:
        added = "" if row["push"] == "plain" else f"{row['added'] * 1000:.0f} ms"
        print(f"| {row['model']} | {row['state']} | {row['push']} | {row['s']:.3f} | {added} |")


if __name__ == "__main__":
    main()

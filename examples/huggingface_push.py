"""A model on somebody else's base goes to the Hub: refused, granted, pushed, checked on the way back.

    HF_ENDPOINT=http://… HF_TOKEN=… python examples/huggingface_push.py --base openlab/base --to acme/child

The base must be registered (``weightmark register hf://openlab/base``). What the licence forbids ends with 4
and the reason; after the base's owner has granted the right, the same command pushes.
"""

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from weightmark.errors import RefusedError


def main() -> int:
    """Write a small model, push it, and load it again; both are checked."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--base", required=True, help="the base model on the Hub")
    parser.add_argument("--to", required=True, help="the repository to push to")
    asked = parser.parse_args()

    import numpy as np
    from huggingface_hub import HfApi, hf_hub_download
    from safetensors.numpy import load_file, save_file

    import weightmark_hooks.huggingface

    weightmark_hooks.huggingface.protect()
    with TemporaryDirectory() as folder:
        model = Path(folder)
        save_file({"layer.weight": np.arange(16, dtype=np.float32)}, model / "model.safetensors")
        (model / "config.json").write_text('{"model_type": "mlp"}')
        (model / "README.md").write_text(f"---\nlicense: mit\nbase_model: {asked.base}\n---\n# A child\n")
        api = HfApi()
        api.create_repo(asked.to, exist_ok=True)
        try:
            pushed = api.upload_folder(repo_id=asked.to, folder_path=model)
        except RefusedError as error:
            print(f"refused: {error.message}\nhint: {error.hint}", file=sys.stderr)
            return error.exit_code
    loaded = load_file(hf_hub_download(asked.to, "model.safetensors", revision=pushed.oid))
    print(f"pushed and loaded: hf://{asked.to}@{pushed.oid}, {loaded['layer.weight'].size} numbers")
    return 0


if __name__ == "__main__":
    sys.exit(main())

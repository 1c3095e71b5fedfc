"""Guards platforms in every Python process, without a line in anybody's code.

``WEIGHTMARK_HOOKS=wandb,huggingface`` names them; a ``.pth`` file of this distribution then runs ``install``
when Python starts. Each platform's hook is put in right after the platform's own library is imported, so a
process that does not use it pays nothing.

In a program, ``import weightmark_hooks.bootstrap.auto`` does the same for every platform that is installed.
"""

import importlib
import os
import sys
from collections.abc import Iterable
from typing import Final

HOOKS: Final = {
    "azureml": "azure.ai.ml",
    "huggingface": "huggingface_hub",
    "kubeflow": "model_registry",
    "mlflow": "mlflow",
    "sagemaker": "botocore",
    "trackio": "trackio",
    "wandb": "wandb",
}
"""The platforms that can be guarded so, and the library whose import each waits for."""


_waiting: Final[set[str]] = set()


def install(names: Iterable[str]) -> None:
    """Wait for the libraries of platforms and put the hooks in; each once, however often it is named.

    Args:
        names: keys of ``HOOKS``.

    Raises:
        ValueError: there is no such platform; the process then does not start unguarded.
    """
    for name in names:
        if name not in HOOKS:
            raise ValueError(f"WEIGHTMARK_HOOKS names {name!r}; there are: {', '.join(sorted(HOOKS))}")
        if name not in _waiting:
            _when_imported(name)
            _waiting.add(name)


def from_environment() -> None:
    """Install what ``WEIGHTMARK_HOOKS`` names; what it names and cannot be installed ends the process.

    Python prints a ``.pth`` file's errors and passes over them, and takes ``SystemExit`` there for a fault of
    its own; so this ends the process itself. Nothing else has begun yet.
    """
    text = os.environ.get("WEIGHTMARK_HOOKS", "")
    try:
        install(name for name in (part.strip().lower() for part in text.split(",")) if name)
    except Exception as error:
        sys.stderr.write(f"error: Weightmark's hooks could not be installed: {error}\n")
        sys.stderr.write("hint:  Mend WEIGHTMARK_HOOKS, or unset it to go on unguarded.\n")
        sys.stderr.flush()
        os._exit(1)


def _when_imported(name: str) -> None:
    import wrapt

    library = HOOKS[name]
    was_there = library in sys.modules

    def put_in(_module: object) -> None:
        try:
            importlib.import_module(f"weightmark_hooks.{name}").protect()
        except BaseException:
            if not was_there:  # the import fails, and so must the next one: a hook is called once
                sys.modules.pop(library, None)
                _when_imported(name)
            raise

    wrapt.register_post_import_hook(put_in, library)

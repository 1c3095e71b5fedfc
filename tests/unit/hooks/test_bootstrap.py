"""Hooks that an environment variable puts in: at start, at the right import, and at no cost when unused."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from weightmark_hooks.bootstrap import HOOKS, install

LIBRARY = "mlflow"


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A library of the name of MLflow's and its hook's, so that nothing heavy is imported here."""
    (tmp_path / f"{LIBRARY}.py").write_text("print('library')\n")
    return tmp_path


def python(
    code: str, *, hooks: str | None, path: Path | None = None, flags: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """Run a fresh interpreter as anybody would."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WEIGHTMARK_")}
    environment |= {} if hooks is None else {"WEIGHTMARK_HOOKS": hooks}
    environment |= {} if path is None else {"PYTHONPATH": str(path)}
    return subprocess.run(
        [sys.executable, *flags, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


SAID = """
import sys
def protect():
    print('protected')
"""


def test_the_hook_is_put_in_right_after_the_library_is_imported(library: Path) -> None:
    hook = "import sys, types\nhook = types.ModuleType('weightmark_hooks.mlflow')\n"
    hook += f"exec({SAID!r}, hook.__dict__)\nsys.modules['weightmark_hooks.mlflow'] = hook\n"
    done = python(f"{hook}print('start')\nimport {LIBRARY}\nprint('end')", hooks=LIBRARY, path=library)
    assert done.stderr == ""
    assert done.stdout.split() == ["start", "library", "protected", "end"]


def test_a_library_that_was_imported_already_is_guarded_at_once(library: Path) -> None:
    hook = "import sys, types\nhook = types.ModuleType('weightmark_hooks.mlflow')\n"
    hook += f"exec({SAID!r}, hook.__dict__)\nsys.modules['weightmark_hooks.mlflow'] = hook\n"
    code = f"{hook}import {LIBRARY}\nfrom weightmark_hooks.bootstrap import install\ninstall(['mlflow'])"
    done = python(code, hooks=None, path=library)
    assert done.stdout.split() == ["library", "protected"]


@pytest.mark.parametrize("name", sorted(HOOKS))
def test_every_hook_can_be_put_in(name: str) -> None:
    """The real libraries and the real hooks."""
    code = f"import {HOOKS[name]}, sys\nprint('weightmark_hooks.{name}' in sys.modules)"
    done = python(code, hooks=name, flags=("-W", "ignore"))
    assert done.stdout.split()[-1:] == ["True"], done.stderr


@pytest.mark.parametrize("hooks", ["", "  ", ","])
def test_nothing_is_imported_when_nothing_is_named(hooks: str) -> None:
    done = python(
        "import sys\nprint([name for name in sys.modules if name.startswith(('wrapt', 'weightmark'))])",
        hooks=hooks or None,
    )
    assert done.stdout.strip() in ("[]", "['weightmark_hooks', 'weightmark_hooks.bootstrap']")
    assert "wrapt" not in done.stdout


def test_a_platform_that_is_never_imported_costs_an_import_of_wrapt_only() -> None:
    done = python(
        "import sys\nprint(sorted(name for name in sys.modules if name.startswith('weightmark')))",
        hooks=",".join(HOOKS),
    )
    assert done.stdout.strip() == "['weightmark_hooks', 'weightmark_hooks.bootstrap']"


@pytest.mark.parametrize("hooks", ["mlfow", "mlflow,wandb,kaggle"])
def test_a_name_that_is_none_ends_the_process(hooks: str) -> None:
    done = python("print('unguarded')", hooks=hooks)
    assert done.returncode == 1
    assert "unguarded" not in done.stdout
    assert "error: Weightmark's hooks could not be installed: WEIGHTMARK_HOOKS names" in done.stderr
    assert "hint:" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_name_is_an_error_in_a_program() -> None:
    with pytest.raises(ValueError, match=r"there are: .*huggingface"):
        install(["kaggle"])


def test_a_hook_that_cannot_be_put_in_lets_the_import_fail(library: Path) -> None:
    hook = "import sys, types\nhook = types.ModuleType('weightmark_hooks.mlflow')\n"
    hook += "sys.modules['weightmark_hooks.mlflow'] = hook\n"
    done = python(f"{hook}import {LIBRARY}\nprint('unguarded')", hooks=LIBRARY, path=library)
    assert done.returncode == 1
    assert "unguarded" not in done.stdout


def test_one_import_guards_whatever_is_installed() -> None:
    done = python("import weightmark_hooks.bootstrap.auto\nprint('done')", hooks=None)
    assert (done.stdout, done.stderr) == ("done\n", "")


def test_it_is_spelt_as_people_spell() -> None:
    assert python("print('in')", hooks=" MLflow , WANDB ").stdout == "in\n"


def test_an_import_that_failed_unguarded_fails_again(library: Path) -> None:
    hook = "import sys, types\nhook = types.ModuleType('weightmark_hooks.mlflow')\n"
    hook += "sys.modules['weightmark_hooks.mlflow'] = hook\n"
    again = f"try:\n    import {LIBRARY}\nexcept AttributeError:\n    print('refused')\n"
    done = python(hook + again * 3, hooks=LIBRARY, path=library)
    assert done.stdout.split() == ["library", "refused"] * 3
    install_ = "try:\n    install(['mlflow'])\nexcept AttributeError:\n    print('refused')\n"
    code = f"{hook}import {LIBRARY}\nfrom weightmark_hooks.bootstrap import install\n{install_ * 2}"
    assert python(code, hooks=None, path=library).stdout.split() == ["library", "refused", "refused"]

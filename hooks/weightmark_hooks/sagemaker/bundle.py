"""Builds the archive of the Lambda functions: the same bytes from the same environment, each time.

    python -m weightmark_hooks.sagemaker.bundle build/weightmark-lambda.zip

Modules are compiled, which about halves the cold start. It takes what is installed beside it, so build it
where the function will run: the same system, processor and Python. boto3 is left out, since Lambda brings it;
so is all that only the command line needs.

Not promised: that Lambda's own boto3 is as new as ours.
"""

import argparse
import importlib.util
import marshal
import re
import sys
import zipfile
from collections.abc import Iterator, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path, PurePosixPath
from typing import Final

DISTRIBUTION: Final = "weightmark"
OWN: Final = ("weightmark", "weightmark_plugins", "weightmark_adapters", "weightmark_hooks")
NOT_HERE: Final = frozenset({"click", "ml-dtypes", "numpy", "rich", "wrapt"})
"""Needed by the command line, by comparisons, and by the hooks in a person's own process."""

ENTRIES: Final = frozenset(
    {
        "format-opaque",
        "format-safetensors",
        "ledger-sqlite",
        "observer-email",
        "observer-log",
        "observer-webhook",
        "registry-file",
        "registry-sagemaker",
        "signer-file",
        "store-sqlite",
    }
)
"""The parts of Weightmark that the functions can use; the other platforms' are left out."""

LIMIT: Final = 250 << 20
"""What Lambda unpacks at most: 250 MiB."""

_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_FILE: Final = 0o100644 << 16
_SKIPPED: Final = frozenset({"__pycache__", "tests", "testing", "cli"})
_SUFFIXES: Final = frozenset({".pyc", ".pyx", ".pxd", ".c", ".h", ".typed"})
_LICENSE: Final = re.compile(r"(?i)(?:licen[cs]e|copying|notice|authors)")
_OTHERS: Final = re.compile(r"weightmark_(?:adapters|hooks)/(?!sagemaker/|file\.py|__init__\.py)")
_NAME: Final = re.compile(r"[A-Za-z0-9._-]+")


def build(target: Path) -> int:
    """Write the archive.

    Args:
        target: the file; replaced when it is there.

    Returns:
        The size of what is in it, unpacked.

    Raises:
        ValueError: it is more than Lambda takes.
    """
    found = dict(_contents())
    found |= {_cached(name): _compiled(name, data) for name, data in found.items() if name.endswith(".py")}
    contents = dict(sorted(found.items()))
    size = sum(map(len, contents.values()))
    if size > LIMIT:
        raise ValueError(f"the archive would hold {size} bytes; Lambda takes {LIMIT}")
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, data in contents.items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = _FILE
            archive.writestr(entry, data, compresslevel=6)
    return size


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the archive that is named on the command line, and print its size."""
    parser = argparse.ArgumentParser(description="Build the archive of Weightmark's Lambda functions.")
    parser.add_argument("target", type=Path, nargs="?", default=Path("build/weightmark-lambda.zip"))
    target: Path = parser.parse_args(arguments).target
    size = build(target)
    sys.stdout.write(f"{target}: {target.stat().st_size / 1e6:.1f} MB, unpacked {size / 1e6:.1f} MB\n")
    return 0


def _cached(name: str) -> str:
    return importlib.util.cache_from_source(name)


def _compiled(name: str, source: bytes) -> bytes:
    """Compile a module, since Lambda cannot keep what it compiles itself.

    The form is PEP 552's, unchecked: the source beside it is not looked at. Marshal's second version has no
    references, which are counted differently from one run to the next.
    """
    code = compile(source, f"/var/task/{name}", "exec", dont_inherit=True)
    header = importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little") + importlib.util.source_hash(source)
    return header + marshal.dumps(code, 2)


def _contents() -> Iterator[tuple[str, bytes]]:
    for package in OWN:
        yield from _package(package)
    yield from _metadata(distribution(DISTRIBUTION))
    for one in _required(DISTRIBUTION, set()):
        yield from _files(one)


def _package(name: str) -> Iterator[tuple[str, bytes]]:
    """Give the files of one of our own packages, which may lie in a checkout."""
    spec = importlib.util.find_spec(name)
    for location in (spec.submodule_search_locations or ()) if spec else ():
        root = Path(location)
        for file in root.rglob("*"):
            path = PurePosixPath(name, *file.relative_to(root).parts)
            if file.is_file() and _is_wanted(path) and not _OTHERS.match(str(path)):
                yield str(path), file.read_bytes()


def _metadata(own: Distribution) -> Iterator[tuple[str, bytes]]:
    """Give what lets our plugins be found: name, version, and the entry points of what is there."""
    lines = [f"{entry.name} = {entry.value}" for entry in own.entry_points if entry.group == DISTRIBUTION]
    kept = sorted(line for line in lines if line.split(" ", 1)[0] in ENTRIES)
    folder = f"{DISTRIBUTION}-{own.version}.dist-info"
    about = f"Metadata-Version: 2.1\nName: {DISTRIBUTION}\nVersion: {own.version}\n"
    yield f"{folder}/METADATA", about.encode()
    yield f"{folder}/entry_points.txt", "\n".join([f"[{DISTRIBUTION}]", *kept, ""]).encode()


def _required(name: str, seen: set[str]) -> Iterator[Distribution]:
    """Give the distributions that one needs here, and those that they need; extras are not followed."""
    for line in distribution(name).requires or ():
        requirement, _, marker = line.partition(";")
        found = _NAME.match(requirement)
        needed = found[0].lower().replace("_", "-") if found else ""
        if not needed or needed in seen | NOT_HERE or not _applies(marker):
            continue
        seen.add(needed)
        try:
            one = distribution(needed)
        except PackageNotFoundError:
            continue  # not needed on this system, or by this Python
        yield one
        yield from _required(needed, seen)


def _applies(marker: str) -> bool:
    return "extra" not in marker


def _files(one: Distribution) -> Iterator[tuple[str, bytes]]:
    for file in one.files or ():
        path = PurePosixPath(file)
        about = path.parts[0].endswith(".dist-info")
        if ".." in path.parts or (about and not _LICENSE.match(path.name)):
            continue
        if path.suffix == ".pyi" or not _is_wanted(path):
            continue  # our own stubs stay: lazy_loader reads them
        yield str(path), Path(str(one.locate_file(file))).read_bytes()


def _is_wanted(path: PurePosixPath) -> bool:
    return path.suffix not in _SUFFIXES and not _SKIPPED & set(path.parts)


if __name__ == "__main__":
    sys.exit(main())

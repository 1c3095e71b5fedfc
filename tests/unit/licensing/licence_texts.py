"""Makes the file of licence texts that ships, from the SPDX License List as a package holds it.

    npm pack spdx-license-list@6.12.0 && tar xzf spdx-license-list-6.12.0.tgz
    python -m tests.unit.licensing.licence_texts package/licenses

Each text goes in as it stands there, under its file's name; licences that share a text share a file.
"""

import hashlib
import json
import sys
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from weightmark.licensing import TEMPLATES
from weightmark.licensing.verbatim import INDEX, TEXTS

SOURCE = "SPDX License List, npm spdx-license-list 6.12.0 (CC0-1.0)"
FOLDER = Path(__file__).parents[3] / "core/weightmark/licensing"
EPOCH = (1980, 1, 1, 0, 0, 0)


def file_of(licence: str) -> str:
    return licence.removesuffix("-only").removesuffix("-or-later") + ".txt"


def make(licences: Path) -> None:
    rows, files = [], {}
    for licence in (terms.id for terms in TEMPLATES):
        source = licences / f"{licence}.json"
        if not source.is_file():
            continue
        content = json.loads(source.read_text(encoding="utf-8"))["licenseText"].encode()
        digest = hashlib.sha256(content).hexdigest()
        name = file_of(licence)
        assert files.setdefault(name, content) == content, f"{name} is not one text"
        rows.append({"file": name, "id": licence, "sha256": digest, "source": SOURCE, "unmodified": True})
    with ZipFile(FOLDER / TEXTS, "w") as archive:
        for name in sorted(files):
            archive.writestr(ZipInfo(name, EPOCH), files[name], ZIP_DEFLATED, 9)
    index = ",\n".join(f"  {json.dumps(row)}" for row in rows)
    (FOLDER / INDEX).write_text(f"[\n{index}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    make(Path(sys.argv[1]))

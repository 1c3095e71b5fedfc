from pathlib import Path

import pytest

from weightmark.errors import MalformedError
from weightmark.model.card import MAX_CARD_BYTES, read_facts, split_names, state_facts


def write(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_the_front_matter_of_a_card_is_read(tmp_path):
    text = "---\nlicense: cc-by-nc-4.0\nbase_model:\n- a/b\n- c/d\ntags: [x]\n---\n# Model\nlicense: mit\n"
    assert read_facts(write(tmp_path, "README.md", text)) == {
        "license": "cc-by-nc-4.0",
        "base_model": "a/b,c/d",
    }


def test_another_licence_goes_by_its_name(tmp_path):
    text = "---\nlicense: other\nlicense_name: llama3\n---\n"
    assert read_facts(write(tmp_path, "README.md", text)) == {"license": "llama3"}


def test_a_readme_without_front_matter_says_nothing(tmp_path):
    assert read_facts(write(tmp_path, "README.md", "# Model\n---\nlicense: mit\n---\n")) == {}


def test_mlmodel_counts_more_than_the_card_and_the_card_more_than_the_adapter(tmp_path):
    write(tmp_path, "MLmodel", "flavors: {}\nmetadata:\n  license: apache-2.0\n  owner: acme\n")
    write(tmp_path, "README.md", "---\nlicense: mit\nbase_model: a/b\n---\n")
    write(tmp_path, "adapter_config.json", '{"base_model_name_or_path": "c/d"}')
    assert read_facts(tmp_path) == {"license": "apache-2.0", "owner": "acme", "base_model": "a/b"}


def test_an_adapter_names_its_base(tmp_path):
    write(tmp_path, "adapter_config.json", '{"base_model_name_or_path": " c/d "}')
    assert read_facts(tmp_path) == {"base_model": "c/d"}


def test_only_an_spdx_line_makes_a_licence_file_certain(tmp_path):
    write(tmp_path, "LICENSE", "Apache License\nVersion 2.0\n")
    assert read_facts(tmp_path) == {}
    write(tmp_path, "LICENSE", "# SPDX-License-Identifier: MIT OR Apache-2.0\nPermission is granted\n")
    assert read_facts(tmp_path) == {"license": "MIT OR Apache-2.0"}


def test_two_licences_in_one_file_are_not_certain(tmp_path):
    write(tmp_path, "LICENSE", "SPDX-License-Identifier: MIT\nSPDX-License-Identifier: GPL-3.0-only\n")
    assert read_facts(tmp_path) == {}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("README.md", "---\nlicense: [\n---\n"),
        ("README.md", "---\n- a\n- b\n---\n"),
        ("README.md", "---\nx: !!python/object/apply:os.system [ls]\n---\n"),
        ("MLmodel", "metadata: {" + "a: {" * 5000),
        ("MLmodel", "just words"),
        ("adapter_config.json", '{"a": 1, "a": 2}'),
        ("adapter_config.json", "[]"),
    ],
)
def test_a_malformed_card_is_named(tmp_path, name, text):
    with pytest.raises(MalformedError, match=name.replace(".", r"\.")):
        read_facts(write(tmp_path, name, text))


def test_a_card_too_large_is_refused(tmp_path):
    write(tmp_path, "MLmodel", "#" * (MAX_CARD_BYTES + 1))
    with pytest.raises(MalformedError, match="larger"):
        read_facts(tmp_path)


def test_a_file_has_no_facts(tmp_path):
    path = tmp_path / "model.bin"
    path.write_bytes(b"x")
    assert read_facts(path) == {}


def test_the_nearest_statement_counts():
    assert state_facts({"license": " "}, {"license": "mit"}, {"license": "gpl", "owner": "x"}) == {
        "license": "mit",
        "owner": "x",
    }


def test_names_are_split_at_commas():
    assert split_names(" models:/my model/1 ,a/b,,a/b") == ("models:/my model/1", "a/b")

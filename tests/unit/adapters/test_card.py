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
    assert read_facts(tmp_path) == {"base_model": "c/d", "base_model_relation": "adapter"}


def test_a_card_says_another_relation_than_the_adapter(tmp_path):
    write(tmp_path, "adapter_config.json", '{"base_model_name_or_path": "c/d"}')
    write(tmp_path, "README.md", "---\nbase_model: c/d\n---\n")
    assert read_facts(tmp_path) == {"base_model": "c/d", "base_model_relation": "adapter"}
    write(tmp_path, "README.md", "---\nbase_model: c/d\nbase_model_relation: merge\n---\n")
    assert read_facts(tmp_path) == {"base_model": "c/d", "base_model_relation": "merge"}


def test_a_card_that_names_another_base_says_nothing_of_the_adapters(tmp_path):
    write(tmp_path, "adapter_config.json", '{"base_model_name_or_path": "c/d"}')
    write(tmp_path, "README.md", "---\nbase_model: a/b\n---\n")
    assert read_facts(tmp_path) == {"base_model": "a/b"}


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


@pytest.mark.parametrize(
    ("line", "licence"),
    [
        ("SPDX-License-Identifier: GPL-2.0+", "GPL-2.0+"),
        ("/* SPDX-License-Identifier: (MIT OR Apache-2.0) */", "(MIT OR Apache-2.0)"),
        ("<!-- SPDX-License-Identifier: MIT -->", "MIT"),
        ("// SPDX-License-Identifier:\tMIT\r", "MIT"),
    ],
)
def test_an_spdx_line_is_read_whole(tmp_path, line, licence):
    write(tmp_path, "LICENSE", f"{line}\ntext\n")
    assert read_facts(tmp_path) == {"license": licence}


def test_an_spdx_line_without_a_licence_says_nothing(tmp_path):
    write(tmp_path, "LICENSE", "SPDX-License-Identifier:  \ntext\n")
    assert read_facts(tmp_path) == {}


MERGES = "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 40))
REPEATS = f'base_model: [&a "{"x" * 500_000}"' + ", *a" * 50_000 + "]\n"


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("LICENSE", "SPDX-License-Identifier:" + " " * 1_000_000 + "x!!!!!!!!"),
        ("LICENSE", "SPDX-License-Identifier:" * 40_000),
        ("LICENSE", "\n \n" * 300_000),
        ("model_card_data.yaml", REPEATS),
        ("model_card_data.yaml", "x: 1" + ":1" * 200_000 + "\n"),
        ("model_card_data.yaml", "x: 1" + ":1" * 5_000 + ":1.0\n"),
    ],
)
def test_a_card_cannot_make_its_reader_work_for_ever(tmp_path, name, text):
    facts = read_facts(write(tmp_path, name, text))
    assert sum(map(len, facts.values())) <= MAX_CARD_BYTES


@pytest.mark.timeout(60)
def test_a_card_that_merges_is_refused(tmp_path):
    with pytest.raises(MalformedError, match=r"README\.md"):
        read_facts(write(tmp_path, "README.md", f"---\n{MERGES}---\n"))


def test_numbers_and_dates_are_read_as_they_are_written(tmp_path):
    write(tmp_path, "MLmodel", "metadata: {license: 1.0, owner: 2026-01-02, base_model: 007}\n")
    assert read_facts(tmp_path) == {"license": "1.0", "owner": "2026-01-02", "base_model": "007"}

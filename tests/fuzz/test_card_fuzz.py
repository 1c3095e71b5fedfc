"""A model's folder may say anything about itself: it is read, or refused by name."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from weightmark.errors import MalformedError
from weightmark.model.card import read_facts
from weightmark.vocabulary import Fact

FILES = ("README.md", "MLmodel", "model_card_data.yaml", "adapter_config.json", "LICENSE")
WORDS = st.sampled_from(
    [
        b"---\n",
        b"license: ",
        b"base_model:\n",
        b"- a/b\n",
        b"metadata:\n",
        b"  license: mit\n",
        b"&a [*a]\n",
        b"!!python/object/apply:os.system [id]\n",
        b'{"base_model_name_or_path": ',
        b"null",
        b'"x"}',
        b"SPDX-License-Identifier: ",
        b"Apache-2.0\n",
        b"? {}\n",
        b"2026-99-99\n",
        b"\t",
        b"\x00",
    ]
)
LAUGHS = b"---\na: &a [x, x]\n" + b"".join(
    b"%c: &%c [*%c, *%c]\n" % (c, c, c - 1, c - 1) for c in range(ord("b"), ord("z"))
)


@pytest.mark.parametrize("name", FILES)
@given(data=st.binary(max_size=120) | st.lists(WORDS, max_size=9).map(b"".join))
@example(data=LAUGHS + b"base_model: *y\n---\n")
@example(data=b"---\nlicense: {a: [1, {b: 2}]}\n---\n")
def test_a_folder_is_read_or_refused(name: str, data: bytes) -> None:
    with TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(data)
        try:
            facts = read_facts(Path(folder))
        except MalformedError as error:
            assert name in error.message
        else:
            assert facts.keys() <= set(Fact)
            assert all(isinstance(value, str) and value for value in facts.values())

"""Files that an owner writes by hand: as editors write them, and no further than they can be meant to go."""

from __future__ import annotations

import codecs
import os
from pathlib import Path

import pytest

from handlers.channels.written import UnreadableText, secret_of, text_of

TEXT = "assets = ['BTC']\r\n# é\n"


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(TEXT.encode(), id="UTF-8"),
        pytest.param(codecs.BOM_UTF8 + TEXT.encode(), id="with a mark, as Windows writes it"),
    ],
)
def test_a_text_is_read(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "x").write_bytes(raw)
    assert text_of(tmp_path / "x", 100) == "assets = ['BTC']\n# é\n"


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        pytest.param(TEXT.encode("utf-16"), "in UTF-16. Save it as UTF-8", id="UTF-16"),
        pytest.param(TEXT.encode("utf-16-le"), "in UTF-16. Save it as UTF-8", id="UTF-16 without a mark"),
        pytest.param(TEXT.encode("utf-32"), "in UTF-16. Save it as UTF-8", id="UTF-32"),
        pytest.param(TEXT.encode("latin-1"), r"not a text file in UTF-8 \(line 2\)", id="latin-1"),
        pytest.param(b"x" * 2000, "is longer than 1 kB", id="too long"),
    ],
)
def test_what_is_no_text_says_what_it_is(tmp_path: Path, raw: bytes, says: str) -> None:
    (tmp_path / "x").write_bytes(raw)
    with pytest.raises(UnreadableText, match=says):
        text_of(tmp_path / "x", 1024)


def test_what_never_ends_is_read_to_a_bound() -> None:
    with pytest.raises(UnreadableText, match="is longer than 4 kB"):
        text_of(Path("/dev/zero"), 4096)


def test_a_secret_is_read_from_a_file_alone(tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(codecs.BOM_UTF8 + b" 1:abc \r\n")
    assert secret_of(tmp_path / "token") == "1:abc"
    (tmp_path / "long").write_text("x" * 5000)
    os.mkfifo(tmp_path / "pipe")  # opened, it would be waited on for ever
    for name, says in (
        ("long", "is longer than 4 kB"),
        ("pipe", "is no regular file"),
        (".", "is a folder"),
        ("none", r"cannot be read \(No such file"),
        ("/dev/zero", "is no regular file"),
    ):
        with pytest.raises(UnreadableText, match=says):
            secret_of(tmp_path / name)

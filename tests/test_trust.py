"""What a terminal never gets, and whose workspaces are trusted."""

from __future__ import annotations

import json
import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example
from hypothesis import given
from hypothesis import strategies as st

from memfs.errors import MemfsError
from memfs.errors import StorageFailed
from memfs.trust import TRUSTED
from memfs.trust import inert
from memfs.trust import inert_json
from memfs.trust import inert_line
from memfs.trust import is_trusted
from memfs.trust import set_trusted

BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
HOSTILE = [
    "\x1b[31mred\x1b[0m", "\x1b]8;;http://x\x07link\x1b]8;;\x07", "\x9b31m", "a\rb", "a\x08b", "\x07", "\x00", "\x7f",
    *BIDI, "\u200b", "\u2028", "\u2029", "\ufeff", "\u00ad", "\U000e0041\U000e007f", "\ud800", "\ufff9",
]  # fmt: skip


# ---- inert text


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_what_could_steer_a_terminal_is_shown_as_its_number(text: str) -> None:
    """71: escape sequences, controls, direction marks, tags and invisible characters appear as numbers."""
    shown = inert(f"before {text} after")

    assert shown.startswith("before ")
    assert shown.endswith(" after")
    assert "\\u" in shown.lower()
    assert shown.encode().isascii()


@given(st.text(st.characters()))
@example("".join(map(chr, range(0x110))) + BIDI)
@example("".join(map(chr, range(0xE0000, 0xE0080))))
def test_inert_text_holds_no_code_point_that_steers(text: str) -> None:
    """No C0 but tab and newline, no C1, no bidi mark, no tag, no half of a character; it can be encoded."""
    shown = inert(text)

    shown.encode()
    for sign in shown:
        assert sign in "\t\n" or unicodedata.category(sign) not in ("Cc", "Cs", "Zl", "Zp")
        assert unicodedata.bidirectional(sign) not in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
        assert sign not in "\u200e\u200f\u061c"
        assert not 0xE0000 <= ord(sign) < 0xE0080
    assert inert(shown) == shown


@pytest.mark.parametrize(
    "text",
    ["plain", "tab\tand\nnewline", "Größe, 漢字, עברית, عربى", "🎉 ❤️ é e\u0301", "\\u001b as typed", "a – b … “c”"],
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    """Every script, emoji and typography stay what they are."""
    assert inert(text) == text


@given(st.text(st.characters()))
@example("".join(HOSTILE))
def test_inert_json_says_the_same(text: str) -> None:
    """72: what is hidden stands in its strings as JSON's own escapes, and nothing else changes."""
    document = json.dumps({text: [text]}, ensure_ascii=False, indent=2)

    shown = inert_json(document)

    assert json.loads(shown) == {text: [text]}
    assert inert(shown) == shown
    assert shown.encode()


@given(st.text(st.characters()))
def test_an_inert_line_is_one_line(text: str) -> None:
    """Line breaks and tabs become single spaces."""
    shown = inert_line(text)

    assert len(shown.splitlines()) <= 1
    assert "\t" not in shown
    assert shown == inert(shown)


# ---- trusted workspaces


def test_a_workspace_is_trusted_from_when_it_was_said_until_it_is_taken_back(tmp_path: Path) -> None:
    """Nothing is trusted at first; each workspace is its own."""
    state, one, other = tmp_path / "state", tmp_path / "one", tmp_path / "other"

    history = [is_trusted(state, one)]
    for trusted in (True, True, False, False, True):
        set_trusted(state, one, trusted=trusted)
        history.append(is_trusted(state, one))
    set_trusted(state, other, trusted=True)
    set_trusted(state, one, trusted=False)

    assert history == [False, True, True, False, False, True]
    assert (is_trusted(state, one), is_trusted(state, other)) == (False, True)


def test_trust_is_of_one_folder_and_no_other(tmp_path: Path) -> None:
    """Neither of its parent, its sub-folders, nor of a folder whose name begins like it."""
    state, workspace = tmp_path / "state", tmp_path / "work"
    set_trusted(state, workspace, trusted=True)

    for other in (tmp_path, workspace / "sub", tmp_path / "work-evil", tmp_path / "wor", tmp_path / "Work"):
        assert not is_trusted(state, other)


def test_trust_goes_by_the_real_folder(tmp_path: Path) -> None:
    """A link to a trusted workspace is that workspace; a link that is turned elsewhere is not."""
    state, workspace, link = tmp_path / "state", tmp_path / "work", tmp_path / "link"
    workspace.mkdir()
    (tmp_path / "evil").mkdir()
    link.symlink_to(workspace)
    set_trusted(state, link, trusted=True)
    before = [is_trusted(state, workspace), is_trusted(state, link)]

    link.unlink()
    link.symlink_to(tmp_path / "evil")

    assert before == [True, True]
    assert not is_trusted(state, link)


def test_a_name_with_a_line_break_trusts_no_other_folder(tmp_path: Path) -> None:
    """A folder whose name holds another folder's path is refused, and that other one is not trusted."""
    state, other = tmp_path / "state", tmp_path / "other"

    with pytest.raises(MemfsError, match="line break"):
        set_trusted(state, Path(f"{tmp_path}/a\n{other}"), trusted=True)

    assert not is_trusted(state, other)
    assert not (state / TRUSTED).exists()


def test_a_name_that_is_not_utf_8_can_be_trusted(tmp_path: Path) -> None:
    """Paths are bytes."""
    workspace = tmp_path / os.fsdecode(b"w\xff")

    set_trusted(tmp_path / "state", workspace, trusted=True)

    assert is_trusted(tmp_path / "state", workspace)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xff\xfe\x00", b"trusted everything"])
def test_a_damaged_list_trusts_nothing_more(tmp_path: Path, content: bytes) -> None:
    """What is no path of ours in the file is nothing, and adding to it still works."""
    workspace = tmp_path / "work"
    (tmp_path / TRUSTED).write_bytes(content)
    before = is_trusted(tmp_path, workspace)

    set_trusted(tmp_path, workspace, trusted=True)

    assert not before
    assert is_trusted(tmp_path, workspace)


def test_a_list_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """Nothing is trusted where it could not be remembered."""
    (tmp_path / "state").write_text("a file where the folder should be")

    with pytest.raises(StorageFailed, match="trusted"):
        set_trusted(tmp_path / "state", tmp_path, trusted=True)

    assert not is_trusted(tmp_path / "state", tmp_path)


def test_the_list_is_the_users_alone(tmp_path: Path) -> None:
    """The state folder that is made for it is closed to others."""
    set_trusted(tmp_path / "state", tmp_path, trusted=True)

    assert (tmp_path / "state").stat().st_mode & 0o077 == 0

"""Memories from any bytes and back: the catalogue of bad files, changes of meaning, names and times."""

from __future__ import annotations

import re
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from datetime import timezone

import pytest
from hypothesis import assume
from hypothesis import example
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from memfs.errors import Invalid
from memfs.memory import MAX_BYTES
from memfs.memory import Link
from memfs.memory import check
from memfs.memory import compose
from memfs.memory import derived_id
from memfs.memory import digest
from memfs.memory import file_name
from memfs.memory import format_time
from memfs.memory import new_id
from memfs.memory import parse
from memfs.memory import parse_time
from memfs.memory import patch
from memfs.memory import slug
from memfs.memory import trim
from memfs.memory import unreadable
from memfs.values import Value
from tests.texts import AWKWARD
from tests.texts import headers
from tests.texts import texts
from tests.worlds import World

MODEST = 1 << 30
"""Bytes of address space in which any file can be read."""
PARSE = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({MODEST}, {MODEST}))
from memfs.memory import parse
memory = parse(open(sys.argv[1], "rb").read(), "x.md")
print(memory.state, memory.problems[0].line if memory.problems else 0)
"""
"""Parses a file in a process that may not use more."""


def parsed_apart(world: World, raw: bytes, *through: str) -> str:
    """Return state and line that a process of its own, with little memory, finds for *raw*."""
    path = world.root / "file"
    path.write_bytes(raw)
    return world.run(PARSE, path, through=through).strip()


# ---- the catalogue of bad input, by its numbers


def test_50_one_tag_more_touches_one_line_of_a_file_in_any_style() -> None:
    """Case 50: comments, odd order, quotes, flow list, aligned colons and folded text stay byte for byte."""
    raw = b"""---
# about this file
zeta      :  'kept'   # odd
summary   : >
  folded
  text

title     : "Quoted \\"title\\""
tags      : [ 'a b',  "c" , d ]   # mine
id        : 01KAJ9D3Q0V8M2XH5N7C4T6B1R
list:
- 1.10
-   yes
---
    code
text
"""

    patched = patch(raw, parse(raw, "x.md"), {"tags": ["a b", "c", "d", "e"]})

    assert patched == raw.replace(b"""'a b',  "c" , d ]""", b"""'a b',  "c" , d, e ]""")


@pytest.mark.parametrize(
    "raw",
    [
        b"---\r\ntitle: a\r\nb: 1\r\n---\r\n\r\nbody\r\n",
        b"\xef\xbb\xbf---\ntitle: a\nb: 1\n---\nbody\n",
        b"\xef\xbb\xbf---\r\ntitle: a\r\n---\r\nbody",
        b"---\ntitle: a\n---\nbody",
        b"---\ntitle: a\n---",
        b"---\ntitle: a\n---\n\n\nbody\n\n\n",
        b"---\ntitle: a\n---\n    code first\n\ttab\n",
        b"---\ntitle: a\n---\nlf\ncrlf\r\ncr\rend",
        b"---\ntitle: a\r\nb: 1\n---\nmixed\r\n",
    ],
    ids=["crlf", "bom", "bom-crlf", "no-final-newline", "no-body", "three", "indented", "mixed-body", "mixed-header"],
)
def test_51_line_ends_marks_and_blank_lines_are_kept(raw: bytes) -> None:
    """Case 51: outside of the changed line every byte is as it was."""
    assert patch(raw, parse(raw, "x.md"), {"title": "b"}) == raw.replace(b"title: a", b"title: b")


@pytest.mark.parametrize(
    "body",
    ["---\n", "a\n---\nb: c\n---\n", " ---\n", "+++\nt = 1\n+++\n", "```yaml\n---\ntitle: inner\n---\n```\n", "...\n"],
    ids=["dashes", "a-block", "indented-dashes", "toml", "in-a-code-fence", "dots"],
)
def test_52_what_looks_like_a_header_in_the_body_is_body(body: str) -> None:
    """Case 52: it is read, and survives a change of the header and a change of itself."""
    raw = compose({"title": "T"}, f"first\n\n{body}")
    memory = parse(raw, "x.md")

    patched = patch(raw, memory, {"title": "U"})
    replaced = patch(raw, memory, {}, body=body)

    assert memory.body == f"first\n\n{body}".rstrip()
    assert patched == raw.replace(b"title: T", b"title: U")
    assert parse(replaced, "x.md").body == body.strip("\n")


@pytest.mark.parametrize(
    ("raw", "patched"),
    [
        (b"Only words.\n", b"---\ncategory: c\n---\n\nOnly words.\n"),
        (b"", b"---\ncategory: c\n---\n\n"),
        (b"---\n---\n", b"---\ncategory: c\n---\n"),
        (b"---\n---", b"---\ncategory: c\n---"),
        (b"---\n\n---\nOnly words.\n", b"---\n\ncategory: c\n---\nOnly words.\n"),
        (b"    code\n", b"---\ncategory: c\n---\n\n    code\n"),
    ],
    ids=["no-header", "empty-file", "empty-header", "empty-header-no-newline", "blank-header", "code-first"],
)
def test_53_a_file_without_a_header_gets_a_minimal_one_when_it_is_changed(raw: bytes, patched: bytes) -> None:
    """Case 53: it is read as text; an update adds the key and touches no other byte."""
    memory = parse(raw, "x.md")

    assert memory.state == "ok"
    assert patch(raw, memory, {"category": "c"}) == patched
    assert parse(patched, "x.md").body == memory.body


BAD_HEADERS = [
    ("list", "- a", 2), ("scalar", "words", 2), ("tab", "a:\n\tb: c", 3), ("duplicate", "a: 1\na: 2", 3),
    ("colons", "title: a: b", 2), ("at", "x: @x", 2), ("tag", "a: 1\nx: !tag y", 3),
]  # fmt: skip


@pytest.mark.parametrize("end", ["---", "..."])
@pytest.mark.parametrize(("lines", "line"), [case[1:] for case in BAD_HEADERS], ids=[case[0] for case in BAD_HEADERS])
def test_54_a_bad_header_is_flagged_with_its_line_and_its_text_is_searchable(lines: str, line: int, end: str) -> None:
    """Case 54: list, scalar, tab, duplicate key, two colons, `@x` and `!tag`; one without an end is in the format."""
    memory = parse(f"---\n{lines}\n{end}\nThe body.\n".encode(), "x.md")

    assert (memory.state, memory.problems[0].line) == ("malformed", line)
    assert "The body." in memory.body
    assert "\n" not in memory.problems[0].reason


@pytest.mark.parametrize(
    "value",
    [
        "2024-02-30",
        "99999-01-01",
        "9" * 5000,
        "0" * 5000 + "1",
        "1e999",
        "-" + "9" * 5000,
        "0x" + "f" * 5000,
        "1:" * 500 + "0",
    ],
    ids=["no-such-day", "year-99999", "5000-digits", "5000-zeros", "1e999", "negative", "hex", "sexagesimal"],
)
@pytest.mark.parametrize("key", ["importance", "created", "pinned", "id", "d"])
def test_55_numbers_and_dates_that_do_not_exist_are_flagged(key: str, value: str) -> None:
    """Case 55: known keys fall back and are reported, unknown ones are text; nothing is computed, nothing fails."""
    memory = parse(f"---\nbefore: 1\n{key}: {value}\n---\nThe body.\n".encode(), "x.md")

    assert (memory.state, memory.body) == ("ok", "The body.")
    id_is_fine = key == "id" and re.fullmatch(r"[\w-]{1,64}", value)
    assert [problem.line for problem in memory.problems] == ([] if key == "d" or id_is_fine else [3])


@pytest.mark.parametrize("text", ['{\n"title": "T"\n}\nbody', "+++\ntitle = 'T'\n+++\nbody", ";;;\n{}\n;;;\nbody"])
def test_56_headers_of_other_languages_are_body(text: str) -> None:
    """Case 56: JSON and TOML are text like any other, and get a header of ours when they are changed."""
    memory = parse(text.encode(), "x.md")

    assert (memory.state, memory.body, memory.header) == ("ok", text, None)
    assert patch(text.encode(), memory, {"id": "a"}) == f"---\nid: a\n---\n\n{text}".encode()


@pytest.mark.parametrize(
    ("raw", "state", "line"),
    [
        (b"---\ntitle: \xff\n---\n", "unreadable", 2),
        ("---\ntitle: é\n---\n".encode("latin-1"), "unreadable", 2),
        ("title".encode("utf-16"), "unreadable", 1),
        ("title".encode("utf-32"), "unreadable", 1),
        (b"---\ntitle: a\0\n---\n", "unreadable", 2),
        (b"---\ntitle: a\n---\nb\0\n", "unreadable", 4),
        (b"---\na: 1\ntitle: a\x1bb\n---\nbody\n", "malformed", 3),
        (b"---\na: 1\ntitle: 'a\xc2\x80b'\n---\nbody\n", "malformed", 3),
        (b"---\ntitle: a\n---\n\x1b[31mred\n", "ok", 0),
    ],
    ids=["bytes", "latin-1", "utf-16", "utf-32", "nul-header", "nul-body", "esc-header", "c1-header", "esc-body"],
)
def test_57_bytes_that_are_no_text_are_flagged(raw: bytes, state: str, line: int) -> None:
    """Case 57: invalid UTF-8, UTF-16 and NUL are unreadable, control characters in a header malformed."""
    memory = parse(raw, "x.md")

    assert (memory.state, memory.problems[0].line if memory.problems else 0) == (state, line)


def bomb(levels: int, width: int, operator: str) -> bytes:
    """Return a header of *levels* anchors, each *width* times the one before it, by *operator*."""
    lines = [f"a0: &a0 {'[x]' if operator == '*' else '{x: y}'}"]
    for level in range(1, levels):
        below = ", ".join([f"*a{level - 1}"] * width)
        lines.append(f"a{level}: &a{level} [{below}]" if operator == "*" else f"a{level}: &a{level} {{<<: [{below}]}}")
    return ("---\n" + "\n".join(lines) + "\n---\nbody\n").encode()


@pytest.mark.parametrize("raw", [bomb(9, 9, "*"), bomb(20, 20, "<<")], ids=["aliases", "merge-keys"])
def test_58_a_header_that_would_unfold_without_end_is_flagged(world: World, raw: bytes) -> None:
    """Case 58: nothing is unfolded; a process with little memory reads the file and says why it does not."""
    assert len(raw) < 4000
    assert parsed_apart(world, raw) == "malformed 2"


@pytest.mark.parametrize(
    "raw",
    [
        b"---\na: " + b"[" * 50_000 + b"]" * 50_000 + b"\n---\n",
        b"---\na: " + b"[" * 60_000 + b"\n---\n",
        b"---\na: " + b"{a: " * 2_000 + b"}" * 2_000 + b"\n---\n",
        b"---\n" + b"".join(b" " * depth + b"a:\n" for depth in range(300)) + b"---\n",
        b"---\n" + b"- " * 2_000 + b"a\n---\n",
        b"---\na: " + b"[" * 2_000 + b"]" * 2_000 + b"\n---\n",
    ],
    ids=["50000-in-100-kB", "60000-unclosed", "2000-braces", "300-indents", "2000-dashes", "2000-brackets"],
)
def test_59_nesting_without_end_is_flagged_on_a_small_stack_too(world: World, raw: bytes) -> None:
    """Case 59: the process lives, with the usual stack and with 512 KiB."""
    usual = parsed_apart(world, raw)
    small = parsed_apart(world, raw, "sh", "-c", 'ulimit -s 512 && exec "$0" "$@"')

    assert usual == small
    assert usual.startswith("malformed ")


def test_60_a_header_with_a_million_keys_is_flagged(world: World) -> None:
    """Case 60: 16 MB of keys are too large to be read; what fits into a header is read in little memory."""
    keys = b"".join(b"k%07d: v%05d\n" % (number, number % 100_000) for number in range(1_000_000))

    assert parsed_apart(world, b"---\n" + keys + b"---\nbody\n") == "unreadable 0"
    assert parsed_apart(world, b"---\n" + keys[: MAX_BYTES // 2 // 17 * 17] + b"---\nbody\n") == "malformed 1"
    assert parsed_apart(world, b"---\n" + keys[: 17 * 3000] + b"---\nbody\n") == "ok 0"


def test_61_what_memfs_does_not_know_survives_an_update() -> None:
    """Case 61: unknown keys, nested maps and wiki links stay as they are."""
    raw = b"---\nalien: {deep: [1, {er: ~}]}\nmap:\n  - a: &\n---\n".replace(b" &", b" b") + b"See [[a]] and [[b|c]].\n"

    patched = patch(raw, parse(raw, "x.md"), {"title": "T", "tags": ["x"]})

    assert patched == raw.replace(b"\n---\nSee", b"\ntitle: T\ntags: [x]\n---\nSee")
    assert parse(patched, "x.md").references() == (Link("references", "a"), Link("references", "b"))


def test_62_emoji_and_cjk_are_not_escaped() -> None:
    """Case 62: title, tags and foreign keys hold the characters themselves after an update."""
    raw = "---\n鍵: 値\ntitle: 漢字 🎉\n---\n".encode()

    patched = patch(raw, parse(raw, "x.md"), {"tags": ["🎉", "日本"], "title": "🎉🎉"}).decode()

    assert patched == '---\n鍵: 値\ntitle: "🎉🎉"\ntags: ["🎉", 日本]\n---\n'


def test_63_a_heading_underlined_with_equal_signs_is_no_conflict() -> None:
    """Case 63: only the whole triple of markers is, also where the heading stands inside of it."""
    heading = "Heading\n=======\n"

    assert parse(heading.encode(), "x.md").state == "ok"
    assert parse(f"<<<<<<< a\n{heading}>>>>>>> b\n".encode(), "x.md").state == "conflict"


TITLES = (
    "x" * 10_000, "🎉" * 10_000, "🎉", "", "../../x", "a/b", ".", "..", "-rf", "CON", "nul.txt", "trailing dot.",
    "trailing space ", "a:b?*", "line\nbreak", "LPT9", "con.", "COM¹", "\\\\server\\share", "~root", "a\x00b",
    "\u202eabc",
)  # fmt: skip


@pytest.mark.parametrize("title", TITLES, ids=[repr(title[:16]) for title in TITLES])
def test_64_any_title_makes_a_legal_file_name_and_is_kept_verbatim(title: str) -> None:
    """Case 64: one path component of at most 200 bytes that Windows allows; the header holds the title itself."""
    name = file_name(title)

    assert re.fullmatch(r"[a-z0-9][a-z0-9-]*\.md", name)
    assert len(name.encode()) <= 200
    assert name.partition(".")[0].partition("-")[0] not in {"con", "nul", "lpt9"} or "-" in name
    memory = parse(compose({"title": title}, "body"), name)
    assert memory.header
    assert memory.header.values["title"] == title
    assert memory.title == (" ".join(title.split()) or "body")


@pytest.mark.parametrize(("one", "other"), [("Title", "TITLE"), ("\u00e9t\u00e9", "e\u0301te\u0301"), ("a", "a")])
def test_65_titles_that_a_file_system_may_fold_get_distinct_names(one: str, other: str) -> None:
    """Case 65: names that differ by case or by normal form only would be one file somewhere."""
    names = [file_name(title) for title in (one, other) for _ in range(100)]

    assert len({name.casefold() for name in names}) == 200
    assert all(name.isascii() for name in names)


def test_66_a_file_of_a_newer_schema_is_read_and_its_key_is_kept() -> None:
    """Case 66: what an older program does not know it does not rewrite."""
    raw = b"---\nschema: 99\ntitle: T\n---\nbody\n"

    assert parse(raw, "x.md").state == "ok"
    assert b"schema: 99\n" in patch(raw, parse(raw, "x.md"), {"title": "U"})


# ---- files that are made to keep a reader busy

BUSY = """
import sys
from memfs.memory import parse
mebibyte = 1 << 20
files = {
    "spaces in a heading": "# a" + " " * (mebibyte - 9) + "x",
    "signs in a heading": "# " + "# " * (mebibyte // 2 - 9) + "x",
    "openings of conflicts": "<<<<<<< a\\n" * (mebibyte // 10),
    "openings and middles": "<<<<<<< a\\n=======\\n" * (mebibyte // 18),
    "openings of links": "[[" * (mebibyte // 2),
    "half links": "[[a|" * (mebibyte // 4),
    "blank lines": " \\n" * (mebibyte // 2),
    "fences": "```\\n" * (mebibyte // 4),
    "dots": "---\\n" + ".. \\n" * (mebibyte // 4 - 4),
}
for name, text in files.items():
    memory = parse(text.encode(), "x.md")
    memory.references()
    print(name, memory.state)
"""


def test_no_text_keeps_the_reader_busy(world: World) -> None:
    """A mebibyte of whatever a pattern could try again from each place is read in one pass (or in hours)."""
    lines = world.run(BUSY).splitlines()

    assert [line.rpartition(" ")[2] for line in lines] == ["ok"] * 8 + ["malformed"]


@settings(max_examples=300)
@given(st.binary(max_size=60), st.sampled_from((b"", b"---\n", b"\xef\xbb\xbf---\r\n", b"---\ntitle: T\n---\n")))
@example(b"\xff\xfe", b"")
def test_any_bytes_are_a_memory_in_some_state(rest: bytes, start: bytes) -> None:
    """Parsing never fails: a file is ok, or there is a problem that says why not."""
    memory = parse(start + rest, "a/x.md")

    assert memory.id
    assert memory.title
    assert memory.state == "ok" or memory.problems
    assert memory.path == "a/x.md"


# ---- bodies


BODIES = [
    ("plain", b"---\ntitle: T\n---\n\nold\n", "new", b"---\ntitle: T\n---\n\nnew\n"),
    ("no-blank-line", b"---\ntitle: T\n---\nold\n", "new", b"---\ntitle: T\n---\nnew\n"),
    ("no-final-newline", b"---\ntitle: T\n---\nold", "new\n", b"---\ntitle: T\n---\nnew"),
    ("three-final-newlines", b"---\ntitle: T\n---\nold\n\n\n", "new", b"---\ntitle: T\n---\nnew\n\n\n"),
    ("crlf", b"---\r\ntitle: T\r\n---\r\n\r\nold\r\n", "a\nb", b"---\r\ntitle: T\r\n---\r\n\r\na\r\nb\r\n"),
    ("crlf-given-crlf", b"---\r\ntitle: T\r\n---\r\nold\r\n", "a\r\nb", b"---\r\ntitle: T\r\n---\r\na\r\nb\r\n"),
    ("lf-given-crlf", b"---\ntitle: T\n---\nold\n", "a\r\nb", b"---\ntitle: T\n---\na\nb\n"),
    ("bom", b"\xef\xbb\xbf---\ntitle: T\n---\nold\n", "new", b"\xef\xbb\xbf---\ntitle: T\n---\nnew\n"),
    ("empty-before", b"---\ntitle: T\n---\n", "new", b"---\ntitle: T\n---\n\nnew\n"),
    ("empty-before-no-newline", b"---\ntitle: T\n---", "new", b"---\ntitle: T\n---\nnew\n"),
    ("empty-before-crlf", b"---\r\ntitle: T\r\n---\r\n", "new", b"---\r\ntitle: T\r\n---\r\n\r\nnew\r\n"),
    ("empty-after", b"---\ntitle: T\n---\n\nold\n", "", b"---\ntitle: T\n---\n\n\n"),
    ("code-first", b"---\ntitle: T\n---\n\n    old\n", "    new", b"---\ntitle: T\n---\n\n    new\n"),
    ("blank-lines-around-the-new", b"---\ntitle: T\n---\n\nold\n", "\n\n  new\n\n", b"---\ntitle: T\n---\n\n  new\n"),
    ("no-header", b"old\n", "new", b"new\n"),
    ("empty-file", b"", "new", b"new\n"),
]


@pytest.mark.parametrize(("raw", "body", "expected"), [case[1:] for case in BODIES], ids=[case[0] for case in BODIES])
def test_a_new_body_keeps_what_stands_around_the_old_one(raw: bytes, body: str, expected: bytes) -> None:
    """Header, blank lines, line ends, final newlines and BOM are the file's own."""
    patched = patch(raw, parse(raw, "x.md"), {}, body=body)

    assert patched == expected
    assert parse(patched, "x.md").body == trim(body).replace("\r\n", "\n").replace(
        "\n", "\r\n" if b"\r\n" in raw else "\n"
    )


@pytest.mark.parametrize("raw", [b"old\n", b""], ids=["no-header", "empty-file"])
@pytest.mark.parametrize(
    "body", ["---\ntitle: T\n---\ntext", "---", "<<<<<<< a\n=======\n>>>>>>> b", "a\x00b", "\ud800"]
)
def test_a_body_that_would_not_read_back_is_refused(raw: bytes, body: str) -> None:
    """A body that would become a header, a conflict or no text at all is not written."""
    with pytest.raises(Invalid):
        patch(raw, parse(raw, "x.md"), {}, body=body)


def test_keys_and_body_are_changed_together() -> None:
    """One patch does both, also where there was no header."""
    assert patch(b"old\n", parse(b"old\n", "x.md"), {"title": "T"}, body="new") == b"---\ntitle: T\n---\n\nnew\n"


@settings(max_examples=200)
@given(headers, texts, texts)
def test_a_new_body_reads_back(values: dict[str, Value], old: str, new: str) -> None:
    """Any body replaces any other, and the header stays byte for byte."""
    assume("\x00" not in old + new)
    raw = compose(values, old)
    memory = parse(raw, "x.md")

    patched = patch(raw, memory, {}, body=new)

    assert memory.header
    assert patched.decode()[: memory.header.end] == raw.decode()[: memory.header.end]
    assert parse(patched, "x.md").body.replace("\r\n", "\n") == trim(new).replace("\r\n", "\n")
    if trim(old) and trim(new) and "\r" not in old:
        assert patch(patched, parse(patched, "x.md"), {}, body=old) == raw


@pytest.mark.parametrize(
    ("body", "trimmed"),
    [
        ("", ""), ("\n \n\t\n", ""), ("a", "a"), ("\n\na\n\n", "a"), ("    code\n", "    code"),
        (" \n    code \n", "    code"), ("\r\na\r\nb\r\n", "a\r\nb"), ("a\n\n\nb", "a\n\n\nb"), ("  \n", ""),
    ],
)  # fmt: skip
def test_a_trimmed_body_has_no_blank_lines_around_it(body: str, trimmed: str) -> None:
    """The first line's indentation, a code block's, stays."""
    assert trim(body) == trimmed
    assert trim(trimmed) == trimmed


# ---- values that are given


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"titel": "T"}, "titel"),
        ({"importance": "high"}, "importance"),
        ({"importance": "11"}, "importance"),
        ({"created": "soon"}, "created"),
        ({"type": "runbook"}, "type"),
        ({"id": "a b"}, "id"),
        ({"links": [{"type": "a"}]}, "links"),
        ({"channels": "team"}, "channels"),
        ({"pinned": "maybe"}, "pinned"),
        ({"title": ["T"]}, "title"),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else "",
)
def test_a_value_that_does_not_fit_its_key_is_refused(values: dict[str, Value], word: str) -> None:
    """Nothing is written that would not read back as what it is; the sentence names the key."""
    with pytest.raises(Invalid, match=word):
        check(values)
    with pytest.raises(Invalid, match=word):
        compose(values, "body")
    with pytest.raises(Invalid, match=word):
        patch(b"body", parse(b"body", "x.md"), dict(values))


@pytest.mark.parametrize("key", ["id", "importance", "created", "pinned"])
@pytest.mark.parametrize("value", ["\n{}", "{}\n", " {}", "{}\ntitle: injected", "{} # c", "{}\n---\n", "{}: x"])
def test_no_value_can_bring_lines_of_its_own(key: str, value: str) -> None:
    """Values that stand in the header without quotes are what they are, or are refused: never another key."""
    good = {"id": "abc", "importance": "7", "created": "2026-01-02", "pinned": "true"}[key]
    given_value = value.format(good)
    try:
        raw = compose({key: given_value, "category": "c"}, "body")
    except Invalid:
        return

    memory = parse(raw, "x.md")
    assert memory.header
    assert memory.header.values == {key: good, "category": "c"}
    assert memory.title == "body"


def test_a_lone_surrogate_is_refused() -> None:
    """Half a character cannot be kept in any file."""
    with pytest.raises(Invalid):
        compose({"title": "a\ud800"}, "body")
    with pytest.raises(Invalid):
        compose({"title": "a"}, "b\udfff")


def test_a_memory_larger_than_the_limit_is_not_written() -> None:
    """What could not be read back is refused before it is written."""
    with pytest.raises(Invalid, match="larger"):
        compose({"title": "T"}, "a" * MAX_BYTES)
    with pytest.raises(Invalid, match="larger"):
        compose({"title": "a" * (64 << 10)}, "body")


@pytest.mark.parametrize(
    "state", [b"---\na: b: c\n---\n", b"<<<<<<< a\n=======\n>>>>>>> b\n"], ids=["malformed", "conflict"]
)
def test_the_result_of_a_patch_is_never_a_file_that_cannot_be_read(state: bytes) -> None:
    """A memory that is not ok stays refused, whoever asks."""
    with pytest.raises(Invalid):
        patch(state, parse(state, "x.md"), {"title": "T"})


# ---- ids, digests and times

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def test_a_new_id_is_a_ulid() -> None:
    """26 characters of Crockford's base32: 48 bits of milliseconds, then 80 that are random."""
    ids = [new_id(1_000_000_000.123) for _ in range(100)]

    assert all(re.fullmatch(rf"[0-7][{CROCKFORD}]{{25}}", each) for each in ids)
    assert {sum(CROCKFORD.index(sign) * 32**place for place, sign in enumerate(each[9::-1])) for each in ids} == {
        1_000_000_000_123
    }
    assert len(set(ids)) == 100


@given(st.floats(0, 2e9), st.floats(0, 2e9))
def test_ids_sort_by_the_time_they_were_made(one: float, other: float) -> None:
    """Also to the eye: the earlier id is the smaller text."""
    assume(abs(one - other) > 0.001)

    assert (new_id(one) < new_id(other)) == (one < other)


@pytest.mark.parametrize("now", [-1.0, 1e15, None])
def test_an_id_is_made_under_any_clock(now: float | None) -> None:
    """A clock before 1970 or after the year 10889 makes an id of the right shape."""
    assert re.fullmatch(rf"[0-7][{CROCKFORD}]{{25}}", new_id(now))


def test_a_derived_id_depends_on_the_path_alone() -> None:
    """Folders count, case counts, normal form does not; an undecodable name has one too."""
    assert derived_id("a/x.md") != derived_id("x.md")
    assert derived_id("X.md") != derived_id("x.md")
    assert derived_id("\u00e9.md") == derived_id("e\u0301.md")
    assert re.fullmatch(rf"p-[{CROCKFORD}]{{26}}", derived_id("\udcff.md"))


def test_a_digest_is_sha_256_of_the_bytes() -> None:
    """As sha256sum prints it."""
    assert digest(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@settings(max_examples=200)
@given(st.text())
def test_a_slug_is_safe_whatever_the_title(title: str) -> None:
    """Lower-case ASCII words joined by single dashes, never empty, at most 60 bytes."""
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug(title))
    assert len(slug(title)) <= 60 + len("-memory")


@settings(max_examples=200)
@given(st.datetimes(timezones=st.timezones() | st.none()))
@example(datetime(1, 1, 1))  # noqa: DTZ001  (without a zone: UTC)
@example(datetime(9999, 12, 31, 23, 59, 59))  # noqa: DTZ001
def test_a_time_that_is_written_reads_back(when: datetime) -> None:
    """Any moment of the years 1 to 9999, in any zone, to the second."""
    try:
        utc = (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        assume(False)  # noqa: FBT003

    text = format_time(utc)

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text)
    assert parse_time(text) == utc.replace(microsecond=0)


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("2026-11-21", datetime(2026, 11, 21, tzinfo=UTC)),
        ("2026-11-21T08:48", datetime(2026, 11, 21, 8, 48, tzinfo=UTC)),
        ("2026-11-21 08:48:21 Z", datetime(2026, 11, 21, 8, 48, 21, tzinfo=UTC)),
        ("2026-11-21 08:48:21.5 -0330", datetime(2026, 11, 21, 12, 18, 21, 500_000, tzinfo=UTC)),
        ("2026-11-21t08:48:21z", datetime(2026, 11, 21, 8, 48, 21, tzinfo=UTC)),
        ("2024-02-29", datetime(2024, 2, 29, tzinfo=UTC)),
        ("2026-01-01T00:00:00+14:00", datetime(2025, 12, 31, 10, tzinfo=UTC)),
    ],
)
def test_times_are_read_in_utc(text: str, when: datetime) -> None:
    """No offset means UTC, a date its first instant."""
    assert parse_time(text) == when
    assert parse_time(text).utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "text",
    ["", "now", "2026", "2026-11", "2023-02-29", "2026-11-21Z", "2026-11-21T", "2026-11-21T24:01", "26-11-21",
     "2026/11/21", "2026-11-21T08:48:21+25:00", "9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00", "2026-W47-6",
     "20261121", "2026-11-21T08:48:21Z\n", "٢٠٢٦-١١-٢١", "0000-01-01"],
)  # fmt: skip
def test_what_is_no_time_is_a_value_error(text: str) -> None:
    """Whatever is wrong with it, the one error says so."""
    with pytest.raises(ValueError):  # noqa: PT011  (the sentence is the caller's)
        parse_time(text)


def test_times_in_other_zones_are_written_in_utc() -> None:
    """The machine's zone appears nowhere."""
    zone = timezone(timedelta(hours=5, minutes=30))

    assert format_time(datetime(2026, 1, 1, 2, 0, 0, 999_999, tzinfo=zone)) == "2025-12-31T20:30:00Z"


def test_a_memory_that_cannot_be_read_is_found_by_its_path() -> None:
    """Its title is the file's name, its problem the reason."""
    memory = unreadable("sub/my notes.v2.md", "no permission", 3)

    assert (memory.title, memory.id, memory.state) == ("my notes.v2", derived_id("sub/my notes.v2.md"), "unreadable")
    assert memory.problems == ((3, "no permission"),)


@pytest.mark.parametrize("text", AWKWARD, ids=[repr(text[:20]) for text in AWKWARD])
def test_no_awkward_text_is_lost_as_summary_or_body(text: str) -> None:
    """What a person types arrives, or is refused with a sentence."""
    try:
        raw = compose({"title": "T", "summary": text}, f"before\n{text}\nafter")
    except Invalid:
        assert "\x00" in text
        return

    memory = parse(raw, "x.md")
    assert memory.body == f"before\n{text}\nafter"
    assert memory.summary == text.strip()

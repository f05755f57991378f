"""Frontmatter: read without YAML as YAML reads it; what is written reads back, and touches nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from hypothesis import assume
from hypothesis import example
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from memfs import header
from memfs import untyped
from memfs.errors import Invalid
from memfs.memory import KEYS
from memfs.memory import Memory
from memfs.memory import compose
from memfs.memory import parse
from memfs.memory import patch
from memfs.memory import trim
from memfs.values import MalformedHeader
from memfs.values import Value
from tests.texts import AWKWARD
from tests.texts import PLAIN
from tests.texts import headers
from tests.texts import lists
from tests.texts import texts
from tests.worlds import World


def written(memory: Memory) -> dict[str, Value]:
    """Return the untyped values of *memory*'s header."""
    return dict(memory.header.values) if memory.header else {}


# ---- reading

_words = st.text(PLAIN, max_size=14)
simple_lines = st.one_of(
    st.builds("{}: {}".format, st.sampled_from(("a", "b", "title", "x-y", "_z", "no")), _words),
    st.builds(lambda items: f"tags: [{', '.join(items)}]", st.lists(st.text("ab019 _-./+()", max_size=6), max_size=4)),
    st.builds(lambda a, gap, b: f"c: {a}{gap}{b}", _words, st.sampled_from(("  ", ": ", " #", "\t", ", ")), _words),
    st.sampled_from(
        ("d:", "d: ", "d:  two", "- a", "  a: b", "# c", "", "d: a\r", "'q': b", "d: [a]b", "d: [a ]", "e:f")
    ),
)
"""Lines of which many are of the plainest kind, and many just not."""


@settings(max_examples=400)
@given(st.lists(simple_lines, max_size=5), st.sampled_from(("\n", "\r\n")), st.integers(0, 9))
@example(["x" * 1100 + ": y"], "\n", 4)
@example(["a: b:c", "b: -", "title: a -"], "\n", 4)
@example(["tags: [a -, b]"], "\n", 4)
def test_what_is_read_without_yaml_is_read_the_same_by_yaml(lines: list[str], newline: str, start: int) -> None:
    """Where `read_simple` returns anything, libyaml finds the same values in the same places."""
    source = "".join(line + newline for line in lines)

    simple = header.read_simple(source, start)

    if simple is not None:
        assert (*simple, False) == untyped.read(source, start)


def test_the_plainest_headers_are_read_without_yaml() -> None:
    """Keys with plain words, lists of them, empty values and both line ends need no YAML."""
    source = "title: Use ULIDs, don't guess\r\ntags: [a b, c/d, e.f]\nempty:\nlist: []\nwhen: 2026-01-02T03:04:05Z\n"

    simple = header.read_simple(source, 4)

    assert simple
    assert simple[0] == {
        "title": "Use ULIDs, don't guess",
        "tags": ["a b", "c/d", "e.f"],
        "empty": "",
        "list": [],
        "when": "2026-01-02T03:04:05Z",
    }


@pytest.mark.parametrize(
    "line",
    ["a: b #c", "a: 'b'", "a: b: c", "a: b:", "a: [b,c]", "a: é", "- a", " a: b", "a: -b", "a: b ", "a: &b", "a : b"],
)
def test_a_line_that_is_not_quite_plain_is_left_to_yaml(line: str) -> None:
    """One such line and the whole header is."""
    assert header.read_simple(f"title: T\n{line}\n", 0) is None


def test_each_value_stands_where_its_span_says() -> None:
    """Offsets count characters of the whole text, behind the colon, around the value and around each item."""
    text = "---\ntitle: 'é'  # c\ntags: [a, \"b c\"]\nlist:\n  - x\n  - y z\nlong: |\n  two\n  lines\n\nend: z\n---\n"

    found = header.read(text)

    assert found
    shown = {key: text[span.start : span.end] for key, span in found.spans.items()}
    assert shown == {
        "title": "'é'",
        "tags": '[a, "b c"]',
        "list": "- x\n  - y z",
        "long": "|\n  two\n  lines",
        "end": "z",
    }
    assert all(text[span.key : span.colon] == f"{key}:" for key, span in found.spans.items())
    assert [text[start:end] for start, end in found.spans["tags"].items] == ["a", '"b c"']
    assert [text[start:end] for start, end in found.spans["list"].items] == ["x", "y z"]
    assert [span.line for span in found.spans.values()] == [2, 3, 4, 7, 11]
    assert text[found.last : found.end] == "---\n"


@settings(max_examples=300)
@given(st.text("ab:-[]{}'\"\n #|>?,&*!%@`\t\r~<=.\u2028\ufeff", max_size=30))
@example("{a}")
@example("? a")
@example("tags: [a: b]")
@example("{a, b: c}")
@example("\ufefftitle: x")
@example("? |\n  a\n: b")
@example('"a\n b": c')
def test_any_header_is_read_or_malformed_and_nothing_else(source: str) -> None:
    """Whatever stands between the fences, the reader answers with values and their spans, or a line and a reason."""
    text = f"---\n{source}\n---\nbody"
    answer: header.Header | MalformedHeader | None
    try:
        answer = header.read(text)
    except MalformedHeader as error:
        answer = error

    if isinstance(answer, MalformedHeader):
        assert 1 <= answer.line <= len(re.split(r"\r\n|[\n\r\x85\u2028\u2029]", text))
        assert answer.reason
    else:
        assert answer
        assert answer.values.keys() == answer.spans.keys()
        assert all(0 <= span.key < span.colon <= len(text) for span in answer.spans.values())


def test_a_line_of_64_kib_is_read_in_one_pass(world: World) -> None:
    """Reading looks at each character a few times, not once for each other one (a hundred such files took an hour)."""
    script = """
from memfs.memory import parse
for sign in "a1-[": print({parse(f"---\\n{sign * 65000}\\n---\\n".encode(), "x.md").state for _ in range(25)})
"""

    assert world.run(script) == "{'malformed'}\n" * 4


# ---- writing values


@settings(max_examples=300)
@given(texts)
def test_a_rendered_text_reads_back_in_every_place(text: str) -> None:
    """As a value, in brackets and in braces: what was written is what is read."""
    line = header.line("title", text)
    inside = f"{header.line('tags', [text, 'x'])}\n{header.line('links', [{'type': text, 'to': 'y'}])}"

    found = header.read(f"---\n{line}\n{inside}\n---\n")

    assert found
    assert dict(found.values) == {"title": text, "tags": [text, "x"], "links": [{"type": text, "to": "y"}]}
    assert "\n" not in line


@settings(max_examples=200)
@given(texts)
@example("no")
@example("1.10")
@example("a: b")
@example("2026-01-02")
@example("~")
def test_a_rendered_text_is_text_to_every_yaml_reader(text: str) -> None:
    """A reader with types takes it for a string too, so that no other program changes what it means."""
    import yaml

    assume("\x00" not in text)

    assert yaml.safe_load(f"title: {header.render(text)}\n") == {"title": text}
    assert yaml.safe_load(f"tags: {header.render([text])}\n") == {"tags": [text]}


@pytest.mark.parametrize(
    "text", ["Use ULIDs, don't guess", "a/b.c (d) 50%", "漢字", "Größe und é", "user@host", "C++ and x=1", "a - b; c"]
)
def test_a_harmless_text_is_written_without_quotes(text: str) -> None:
    """People read headers: what no YAML reader can misread stands there as it is."""
    assert header.render(text) == text


@settings(max_examples=300)
@given(headers, texts)
def test_what_is_composed_reads_back_the_same(values: dict[str, Value], body: str) -> None:
    """Any values that fit the table, and any body, come back from the bytes of a new memory."""
    try:
        raw = compose(values, body)
    except Invalid:
        assert "\x00" in body
        return

    memory = parse(raw, "x.md")

    assert memory.state == "ok"
    assert memory.problems == ()
    assert written(memory) == values
    assert memory.body == trim(body)


# ---- changing values


def plain_lines(values: Mapping[str, Value], style: str) -> str:
    """Return the lines of *values* as a person may have typed them in *style*."""
    lines = []
    for key, value in values.items():
        if isinstance(value, list) and value and style in ("block", "dash"):
            indent = "  " if style == "block" else ""
            lines += [f"{key}:  # {key}", *(f"{indent}- {header.render(item)}  # item" for item in value)]
        else:
            lines.append(f"{key}:   {value if key in header.BARE else header.render(value)}  # {key}")
    return "\n".join(lines)


files = st.builds(
    lambda values, style, newline, mark, end, body: (
        mark
        + f"---\n# top\n{plain_lines(values, style)}\nUnknown:   {{a: [1,2]}}\n\n# bottom\n{end}\n{body}".replace(
            "\n", newline
        )
    ).encode(),
    headers,
    st.sampled_from(("flow", "block", "dash")),
    st.sampled_from(("\n", "\r\n")),
    st.sampled_from(("", "\ufeff")),
    st.sampled_from(("---", "...")),
    st.sampled_from(("", "text", "text\n", "\n    code\n\n\n", "a\n---\nb: c\n")),
)
"""Files in the styles of people: comments, blank lines, odd spaces, both line ends, with and without a BOM."""

changes = st.one_of(headers, headers.map(dict.fromkeys)).map(dict)
"""Some keys set, or some removed."""


def other_lines(raw: bytes, keys: set[str]) -> list[bytes]:
    """Return the lines of *raw* that do not belong to *keys*; each key's lines are its own and the items below it."""
    kept, inside = [], False
    for line in raw.splitlines(keepends=True):
        name = re.match(rb"([a-zA-Z]+):", line)
        inside = name[1].decode() in keys if name else inside and line.lstrip().startswith(b"- ")
        if not inside:
            kept.append(line)
    return kept


@settings(max_examples=300)
@given(files, changes)
def test_a_patch_changes_only_the_lines_of_its_keys_and_reads_back(
    raw: bytes, changed: dict[str, Value | None]
) -> None:
    """Every line of another key, every comment line, the fences, the body, BOM and line ends stay byte for byte."""
    before = parse(raw, "x.md")
    assume(before.state == "ok")

    patched = patch(raw, before, changed)

    after = parse(patched, "x.md")
    assert after.state == "ok"
    assert written(after) == {k: v for k, v in {**written(before), **changed}.items() if v is not None}
    assert other_lines(patched, set(changed)) == other_lines(raw, set(changed))
    assert after.body == before.body
    assert (patched.count(b"\r\n") == patched.count(b"\n")) == (raw.count(b"\r\n") == raw.count(b"\n"))


@settings(max_examples=200)
@given(files, changes)
def test_a_patch_can_be_patched_back(raw: bytes, changed: dict[str, Value | None]) -> None:
    """Setting what was there before, and removing what was not, means what the file meant."""
    before = parse(raw, "x.md")
    assume(before.state == "ok")
    back = {key: written(before).get(key) for key in changed}
    patched = patch(raw, before, changed)

    restored = patch(patched, parse(patched, "x.md"), back)

    assert written(parse(restored, "x.md")) == written(before)
    assert other_lines(restored, set(changed)) == other_lines(raw, set(changed))


@settings(max_examples=200)
@given(files)
def test_a_patch_that_changes_nothing_changes_no_byte(raw: bytes) -> None:
    """Setting every key to what it is, is no edit."""
    memory = parse(raw, "x.md")
    assume(memory.state == "ok")
    known: dict[str, Value | None] = {key: value for key, value in written(memory).items() if key in KEYS}

    assert patch(raw, memory, known) == raw


@settings(max_examples=150)
@given(st.lists(texts, min_size=2, max_size=5, unique=True), st.sampled_from(("  - ", "- ", "    -   ")), st.data())
def test_an_item_of_a_block_list_is_one_line(items: list[str], dash: str, data: st.DataObject) -> None:
    """Adding one item adds one line, removing one removes its line; the other items' lines stay."""
    lines = [f"{dash}{header.render(item)}  # {number}\n" for number, item in enumerate(items)]
    raw = f"---\ntags:\n{''.join(lines)}z: 1\n---\n".encode()
    memory = parse(raw, "x.md")
    gone = data.draw(st.integers(0, len(items) - 1))
    new = data.draw(texts.filter(lambda text: text not in items))
    fewer: list[Value] = [item for number, item in enumerate(items) if number != gone]

    removed = patch(raw, memory, {"tags": fewer})
    added = patch(raw, memory, {"tags": [*items, new]})

    assert removed.decode() == f"---\ntags:\n{''.join(lines[:gone] + lines[gone + 1 :])}z: 1\n---\n"
    assert added.decode() == f"---\ntags:\n{''.join(lines)}{dash}{header.render(new)}\nz: 1\n---\n"


@settings(max_examples=150)
@given(lists.filter(bool), texts)
def test_an_item_is_added_to_a_list_in_brackets_without_touching_the_others(items: list[Value], new: str) -> None:
    """The others keep their quotes and their spaces."""
    assume(new not in items)
    shown = ",   ".join(header.render(item, inside=True) for item in items)
    raw = f"---\ntags: [ {shown} ]  # c\n---\n".encode()

    added = patch(raw, parse(raw, "x.md"), {"tags": [*items, new]})

    assert added.decode() == f"---\ntags: [ {shown}, {header.render(new, inside=True)} ]  # c\n---\n"


STYLES = [
    ("literal", "summary: |\n  old\n\n  text\n", "summary: new\n"),
    ("folded-with-a-comment", "summary: >-  # c\n  old\n  text\n", "summary: new\n"),
    ("quoted-over-lines", 'summary: "old\n  text"  # c\n', "summary: new  # c\n"),
    ("plain-over-lines", "summary: old\n  text  # c\n", "summary: new  # c\n"),
    ("single-quotes", "summary: 'it''s'\n", "summary: new\n"),
    ("on-the-next-line", "summary:\n  old\n", "summary:\n  new\n"),
    ("no-value", "summary:\n", "summary: new\n"),
    ("no-value-and-a-comment", "summary:  # c\n", "summary: new  # c\n"),
    ("quoted-key", "'summary': old\n", "'summary': new\n"),
    ("list", "summary:  # c\n  - old\n  - text\n", "summary: new  # c\n"),
    ("list-without-indent", "summary:\n- old\n- text\n", "summary: new\n"),
    ("mapping", "summary:\n  a: old\n  b:\n    - c\n", "summary: new\n"),
    ("brackets", "summary: [old,\n  text]  # c\n", "summary: new  # c\n"),
    ("braces", "summary: {a: old}  # c\n", "summary: new  # c\n"),
    ("empty-braces", "summary: {}  # c\n", "summary: new  # c\n"),
    ("braces-over-lines", "summary: {a: old # }\n  }  # c\n", "summary: new  # c\n"),
    ("a-pair-in-brackets", "summary: [a: old, b: {c: d}]  # c\n", "summary: new  # c\n"),
    ("list-ending-empty", "summary:\n  - old\n  -\n", "summary: new\n"),
    ("space-before-the-colon", "summary : old\n", "summary : new\n"),
]


@pytest.mark.parametrize("after", ["", "z: 1\n", "\n# c\nz: [1]\n"], ids=["last", "before-a-key", "before-a-comment"])
@pytest.mark.parametrize(("old", "new"), [case[1:] for case in STYLES], ids=[case[0] for case in STYLES])
def test_a_value_in_any_style_is_replaced_or_removed_whole(old: str, new: str, after: str) -> None:
    """Nothing of the old value is left, and what stands around it stays."""
    raw = f"---\na: 1\n{old}{after}---\nbody\n".encode()
    memory = parse(raw, "x.md")

    assert patch(raw, memory, {"summary": "new"}).decode() == f"---\na: 1\n{new}{after}---\nbody\n"
    assert patch(raw, memory, {"summary": None}).decode() == f"---\na: 1\n{after}---\nbody\n"


@pytest.mark.parametrize(
    ("lines", "changed"),
    [
        ("{title: a}", {"id": "b"}),
        ("{title: a, id: b}", {"id": None}),
        ("  a: 1", {"title": "T"}),
    ],
    ids=["braces-add", "braces-remove", "indented-header"],
)
def test_a_header_that_cannot_be_patched_safely_is_refused(lines: str, changed: dict[str, Value | None]) -> None:
    """A sentence that says so, instead of a guess."""
    raw = f"---\n{lines}\n---\nbody\n".encode()

    with pytest.raises(Invalid, match=r"by hand|write it as"):
        patch(raw, parse(raw, "x.md"), changed)


def test_a_header_in_braces_can_have_its_values_changed() -> None:
    """Only adding and removing needs lines of its own."""
    raw = b"---\n{title: a, tags: [x]}\n---\n"

    assert patch(raw, parse(raw, "x.md"), {"title": "b, c"}) == b'---\n{title: "b, c", tags: [x]}\n---\n'


odd_lines = st.builds(
    "{}{}{}".format,
    st.sampled_from(
        ("a", "title", "tags", "id", "'summary'", "? title\n", "{title", "  cues", "- a", "\ufefftype", "# c")
    ),
    st.sampled_from((": ", ":", " : ", ":\n  ", ":\n- ", ":  # c\n - ", ": |\n  ", ": [", ": {x: ", "\u2028", "\r")),
    st.text("ab:-[]{}'\"\n #|>?,\t\r\u2028\ufeff", max_size=8),
)
"""Lines of which some are a header's and some nobody's."""


@settings(max_examples=300)
@given(st.lists(odd_lines, max_size=3).map("\n".join), changes)
@example("\ufefftitle: x", {"title": "y"})
@example("a: {b: c # }\n}", {"id": "y"})
def test_a_patch_of_any_header_is_right_or_refused(source: str, changed: dict[str, Value | None]) -> None:
    """However strange the header, the result means what was asked for, or there is none."""
    raw = f"---\n{source}\n---\nbody\n".encode()
    before = parse(raw, "x.md")
    try:
        patched = patch(raw, before, changed)
    except Invalid:
        return

    after = parse(patched, "x.md")
    assert (before.state, after.state, after.body) == ("ok", "ok", before.body)
    assert written(after) == {k: v for k, v in {**written(before), **changed}.items() if v is not None}


@pytest.mark.parametrize("text", AWKWARD, ids=[repr(text[:20]) for text in AWKWARD])
def test_every_awkward_text_survives_as_tag_title_and_link(text: str) -> None:
    """Case 79: tags and links with brackets, commas, colons, signs, quotes and newlines round-trip exactly."""
    raw = b"---\ntags: [kept]\ntitle: old\n---\nbody\n"

    patched = patch(
        raw, parse(raw, "x.md"), {"tags": ["kept", text], "title": text, "links": [{"type": "a", "to": text or "b"}]}
    )

    assert written(parse(patched, "x.md")) == {
        "tags": ["kept", text],
        "title": text,
        "links": [{"type": "a", "to": text or "b"}],
    }

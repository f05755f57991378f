"""What answers look like: the same facts for programs and for people, with nothing in them that steers a terminal."""

from __future__ import annotations

import json
import re
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memfs.answers import Done
from memfs.answers import Entry
from memfs.answers import Hit
from memfs.answers import Listing
from memfs.answers import Results
from memfs.changes import Stamp
from memfs.errors import Ambiguous
from memfs.errors import Changed
from memfs.errors import Exists
from memfs.errors import MemfsError
from memfs.errors import NotFound
from memfs.errors import SecretFound
from memfs.errors import StorageFailed
from memfs.errors import Twins
from memfs.faces import render
from memfs.index import Snippet
from memfs.memory import parse
from memfs.store import File
from memfs.store import Store

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\U000e0000-\U000e007f]")
"""Controls, line separators, turned directions, invisible letters; tab and newline are what they are."""

texts = st.one_of(
    st.text(max_size=60),
    st.text('a\x1b[2J]\x07\x9b\u202e\u2066\u200b\u2028\U000e0041\t\n\r**é🎉\x7f\\"', max_size=40),
)


def entry(text: str, path: str = "sub/a.md", *, scope: str = "workspace", trusted: bool = True) -> Entry:
    """Return the memory that a file with *text* holds."""
    raw = text.encode("utf-8", "surrogatepass")
    when = int(NOW.timestamp() * 1e9)
    file = File(path, raw, Stamp(len(raw), when, when, 1), "d" * 64)
    return Entry(parse(raw, path), Store(Path("/w/.memory"), scope), file, trusted)


def printed(lines: object) -> str:
    """Return *lines* as a pipe gets them."""
    assert hasattr(lines, "__iter__")
    return "\n".join("".join(text for text, _ in line) for line in lines)


PLAIN = "---\nid: abc\ntitle: T\ntags: [x, y]\ncreated: 2026-11-20\n---\nBody of it.\n"


# ---- for programs


@given(st.recursive(texts, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3)))
def test_json_is_inert_and_says_the_same(value: object) -> None:
    """Whatever text is in it, it parses back equal, on one line, with nothing that steers or hides."""
    shown = render.to_json({"value": value})

    assert json.loads(shown) == {"value": value}
    assert not STEERING.search(shown)
    assert "\n" not in shown


def test_a_memory_has_its_keys_and_no_empty_ones() -> None:
    """What programs rely on is always there; what a memory does not say is left out; the text only when asked for."""
    shown = render.entry_json(entry(PLAIN))

    assert shown == {
        "id": "abc",
        "title": "T",
        "scope": "workspace",
        "path": "/w/.memory/sub/a.md",
        "name": "sub/a.md",
        "type": "information",
        "importance": 5,
        "tags": ["x", "y"],
        "created": "2026-11-20T00:00:00Z",
        "updated": "2026-11-21T12:00:00Z",
        "trusted": True,
        "digest": "d" * 64,
    }
    assert render.entry_json(entry(PLAIN), body=True) == {**shown, "body": "Body of it."}


def test_a_memory_tells_what_is_special_about_it() -> None:
    """Optional keys, a state that is not well, and what is wrong with the file."""
    text = (
        "---\ncategory: c\nchannels: [h]\nsummary: s\nexpires: 2999-01-01\nabout: [src/*.py]\nsession: n\n"
        "pinned: true\ncues: [q]\nlinks: [{type: supersedes, to: xyz}]\nimportance: high\n---\n"
    )
    shown = render.entry_json(entry(text), body=True)
    broken = render.entry_json(entry("---\na: [\n---\nx\n"))

    expected: dict[str, object] = {"category": "c", "channels": ["h"], "summary": "s", "session": "n"}
    expected |= {"expires": "2999-01-01T00:00:00Z"}
    expected |= {"about": ["src/*.py"], "pinned": True, "cues": ["q"], "links": [{"type": "supersedes", "to": "xyz"}]}
    assert {key: shown[key] for key in expected} == expected
    assert shown["problems"] == [{"line": 11, "reason": shown["problems"][0]["reason"]}]
    assert "importance" in shown["problems"][0]["reason"]
    assert "state" not in shown
    assert broken["state"] == "malformed"


def test_a_hit_shows_how_its_score_came_about() -> None:
    """Text share, weight, and their product, rounded; matches between two stars."""
    hit = Hit(entry(PLAIN), 0.123456 * 0.9, 0.123456, 0.9, Snippet("Body of\nit.", ((0, 4), (8, 10))))

    shown = render.results_json(Results("q", "hybrid", (hit,), ("a note",)))

    assert (
        shown["hits"][0]
        | {
            "score": 0.1111,
            "score_parts": {"text": 0.1235, "weight": 0.9},
            "snippet": "**Body** of **it**.",
        }
        == shown["hits"][0]
    )
    assert (shown["query"], shown["mode"], shown["notes"]) == ("q", "hybrid", ["a note"])


@pytest.mark.parametrize(
    ("error", "known"),
    [
        (NotFound("x", ["abc (T)"]), {"code": "not_found", "near": ["abc (T)"]}),
        (Ambiguous("x", ["a  workspace  T"]), {"code": "ambiguous", "candidates": ["a  workspace  T"]}),
        (Twins("x", [Path("/a.md"), Path("/b.md")]), {"code": "twins", "paths": ["/a.md", "/b.md"]}),
        (Changed(Path("/a.md"), "1", "2"), {"code": "changed", "path": "/a.md"}),
        (Exists(Path("/a.md")), {"code": "exists", "path": "/a.md"}),
        (SecretFound(["AWS Access Key in line 1"]), {"code": "secret_found", "findings": ["AWS Access Key in line 1"]}),
        (StorageFailed.of(OSError(28, "x"), Path("/a"), "write"), {"code": "no_space"}),
    ],
)
def test_an_error_tells_programs_what_it_knows(error: MemfsError, known: dict[str, object]) -> None:
    """Its code, its sentence, and its facts as lists and paths."""
    assert render.error_json(error) == {"error": {**known, "message": str(error)}}


# ---- for people


@given(texts, texts, texts)
def test_nothing_of_a_memory_steers_a_terminal(title: str, body: str, tag: str) -> None:
    """Title, tags, type, text and file name, in every view of a memory."""
    header = json.dumps({"title": title, "tags": [tag], "type": tag, "category": tag})
    name = tag.replace("/", "").replace("\0", "").encode("utf-8", "replace").decode() or "a"
    one = entry(f"---\n{header}\n---\n{body}\n", f"{name}.md", trusted=False)
    hit = Hit(one, 0.5, 0.5, 1.0, Snippet(body, ((0, len(body)),)))

    for lines in (
        render.get_lines(one, NOW),
        render.results_lines(Results(title, "isolated", (hit,), (tag,)), NOW),
        render.listing_lines(Listing((one,), 1, None, (tag,)), NOW),
        *(
            render.done_lines(Done(verb, one, (title,)))
            for verb in ("save", "update", "move", "forget", "restore", "undo")
        ),
    ):
        for line in lines:
            assert not STEERING.search("".join(text for text, _ in line)), line


def test_the_text_of_a_memory_is_shown_as_it_is() -> None:
    """Tabs, indentation and blank lines of a text are kept; only what steers is replaced."""
    one = entry("# T\n\n    code\n\n\tmore \x1b[2J\n")

    assert printed(render.get_lines(one, NOW)).splitlines()[4:] == ["# T", "", "    code", "", "\tmore \\u001b[2J"]


def test_an_untrusted_memory_is_marked_wherever_it_is_shown() -> None:
    """In lists, hits and when it is read; one of the user's own is not."""
    for trusted in (False, True):
        one = entry(PLAIN, trusted=trusted)
        hit = Hit(one, 0.5, 0.5, 1.0, Snippet("x"))
        for lines in (
            render.get_lines(one, NOW),
            render.results_lines(Results("q", "isolated", (hit,)), NOW),
            render.listing_lines(Listing((one,), 1, None), NOW),
        ):
            assert ("untrusted" in printed(lines)) is not trusted


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-1e9, "just now"), (0, "just now"), (59, "just now"), (60, "1 minute ago"), (3_599, "59 minutes ago"),
        (3_600, "1 hour ago"), (86_399, "23 hours ago"), (86_400, "1 day ago"), (604_800, "1 week ago"),
        (2_629_800, "1 month ago"), (31_557_600, "1 year ago"), (1e9, "31 years ago"), (6.3e10, "1996 years ago"),
    ],
)  # fmt: skip
def test_an_age_has_one_unit_and_is_never_negative(seconds: float, said: str) -> None:
    """The largest unit that fits once; the future is just now."""
    assert render.age(NOW - timedelta(seconds=seconds), NOW) == said


def test_a_page_says_how_to_get_the_next_one() -> None:
    """And an empty store how to begin."""
    page = Listing((entry(PLAIN),), 1_234, 1)

    assert printed(render.listing_lines(page, NOW)).endswith("1 of 1,234; the next page: --offset 1")
    assert "memfs save" in printed(render.listing_lines(Listing((), 0, None), NOW))
    assert "next page" not in printed(render.listing_lines(Listing((entry(PLAIN),), 1, None), NOW))


def test_a_forgotten_memory_says_how_it_comes_back() -> None:
    """Right where it was forgotten."""
    shown = printed(render.done_lines(Done("forget", entry(PLAIN))))

    assert "Forgot T" in shown
    assert "memfs restore abc" in shown

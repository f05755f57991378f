"""The record of what changed: read on from a cursor, whoever writes, whoever died, whatever was dropped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from memfs.index import record
from memfs.index.record import FILE
from memfs.index.record import NO_RECORD
from memfs.index.record import Record
from memfs.index.record import Told
from tests.worlds import World
from tests.worlds import finished

SAID = Told("id", "Title é \u202e", "d1", ("ch",), "s1")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Return an empty cache folder."""
    return tmp_path


def wrote(cache: Path, *paths: str) -> None:
    """Write down, by a process of its own as it were, that *paths* came."""
    Record(cache).add("store", [(path, None, SAID._replace(memory_id=path)) for path in paths])


def read(cache: Path, cursor: str) -> tuple[list[str], str, bool]:
    """Return the paths that came since *cursor*, where to read on, and whether those are all."""
    news = Record(cache).since(cursor)
    return [change.path for change in news.changes], news.cursor, news.whole


def test_what_was_written_down_is_read_once_and_in_order(cache: Path) -> None:
    """From the cursor on, with what was said before and after."""
    wrote(cache, "before.md")
    _, cursor, whole = read(cache, "")
    Record(cache).add("s", [("a.md", None, SAID), ("a.md", SAID, None), ("b.md", SAID, SAID._replace(digest="d2"))])

    news = Record(cache).since(cursor)

    assert whole
    assert news.whole
    assert [(each.store, each.path, each.before, each.after) for each in news.changes] == [
        ("s", "a.md", None, SAID),
        ("s", "a.md", SAID, None),
        ("s", "b.md", SAID, SAID._replace(digest="d2")),
    ]
    assert read(cache, news.cursor) == ([], news.cursor, True)
    assert read(cache, cursor)[0] == ["a.md", "a.md", "b.md"]


def test_an_empty_cursor_begins_now(cache: Path) -> None:
    """What was there before is no news to one who comes."""
    wrote(cache, "a.md")

    paths, cursor, whole = read(cache, "")

    assert (paths, whole) == ([], True)
    wrote(cache, "b.md")
    assert read(cache, cursor)[0] == ["b.md"]


def test_from_before_there_was_a_record_all_of_it_is_new(cache: Path) -> None:
    """Whoever asked when nothing had ever been written down."""
    paths, cursor, whole = read(cache, "")
    assert (paths, cursor, whole) == ([], f"{NO_RECORD}:0", True)
    assert read(cache, cursor) == ([], cursor, True)

    wrote(cache, "a.md")

    paths, later, whole = read(cache, cursor)
    assert (paths, whole) == (["a.md"], True)
    assert read(cache, later) == ([], later, True)


def test_nothing_to_write_down_begins_no_record(cache: Path) -> None:
    """A refresh that brought nothing in leaves nothing behind."""
    wrote(cache)

    assert list(cache.iterdir()) == []


@pytest.mark.parametrize(
    "cursor",
    ["x", ":", "none", "none:", "none:-1", "none:²", "label:0", "label:1:2", "0", "label:" + "9" * 5_000, "\0", "é:1"],
)
def test_another_records_cursor_begins_now_and_says_so(cache: Path, cursor: str) -> None:
    """The cache was lost, or somebody made it up: nothing of it is told, and the next one is good again."""
    wrote(cache, "a.md")

    paths, later, whole = read(cache, cursor)

    assert (paths, whole) == ([], False)
    wrote(cache, "b.md")
    assert read(cache, later)[::2] == (["b.md"], True)


@pytest.mark.parametrize("cursor", ["{label}:²", "{label}:" + "9" * 5_000, "{label}:", "{label}:x"])
def test_a_cursor_that_only_begins_well_begins_now(cache: Path, cursor: str) -> None:
    """The label is this record's, the rest is no place in it."""
    wrote(cache, "a.md")
    label = read(cache, "")[1].partition(":")[0]

    assert read(cache, cursor.format(label=label)) == ([], read(cache, "")[1], False)


@pytest.mark.parametrize("offset", [0, 1, 5, 10_000_000])
def test_a_cursor_at_no_line_harms_nobody(cache: Path, offset: int) -> None:
    """Within a line, or beyond the end: what is whole after it is told."""
    wrote(cache, "a.md", "b.md")
    label = read(cache, "")[1].partition(":")[0]

    paths, cursor, _ = read(cache, f"{label}:{offset}")

    assert paths == (["a.md", "b.md"][1 if offset else 0 :] if offset < 1_000 else [])
    assert cursor == read(cache, "")[1]


# ---- dead writers


def test_a_half_line_is_read_as_none_and_what_follows_is_whole(cache: Path) -> None:
    """A dead writer's, at any byte of it: whoever read up to there misses nothing after it."""
    wrote(cache, "a.md")
    raw = (cache / FILE).read_bytes()
    wrote(cache, "dead.md")
    line = (cache / FILE).read_bytes()[len(raw) :]
    for cut in range(1, len(line)):
        (cache / FILE).write_bytes(raw + line[:cut])
        _, cursor, _ = read(cache, "")
        wrote(cache, "b.md")

        paths, _, whole = read(cache, cursor)

        assert (paths, whole) == ((["dead.md"] if cut == len(line) - 1 else []) + ["b.md"], True)


def test_a_line_that_is_being_written_is_read_next_time(cache: Path) -> None:
    """Half of it is not told, and not skipped."""
    wrote(cache, "a.md")
    _, cursor, _ = read(cache, "")
    raw = (cache / FILE).read_bytes()
    wrote(cache, "b.md")
    whole = (cache / FILE).read_bytes()
    (cache / FILE).write_bytes(whole[:-9])

    paths, same, _ = read(cache, cursor)
    assert (paths, same) == ([], cursor)

    (cache / FILE).write_bytes(whole)
    assert read(cache, same)[0] == ["b.md"]
    assert raw


@pytest.mark.parametrize(
    "torn", [b"", b'["ab', b'["abcdef", 0]', b"{}\n", b"[1]\n", b"\xff\n", b"\0" * 100, b"[]\n[]\n"]
)
def test_a_record_whose_beginning_is_torn_is_begun_anew(cache: Path, torn: bytes) -> None:
    """A writer died before the first line was whole, or a disk lost it: news go on with the next change."""
    (cache / FILE).write_bytes(torn)
    paths, _, whole = read(cache, "abc:5")
    assert (paths, whole) == ([], False)

    wrote(cache, "a.md")

    _, cursor, _ = read(cache, "")
    wrote(cache, "b.md")
    assert read(cache, cursor)[::2] == (["b.md"], True)


@pytest.mark.parametrize(
    "line", ["null", "[]", '"text"', "[1,2,3,4,5]", '[1,"s","p",null,{"a":1}]', "[null,1,1,[],[]]", "{"]
)
def test_lines_of_another_making_are_left_out(cache: Path, line: str) -> None:
    """What is no change tells nothing, and harms none beside it."""
    wrote(cache, "a.md")
    _, cursor, _ = read(cache, "")
    with (cache / FILE).open("a") as file:
        file.write(f"{line}\n")
    wrote(cache, "b.md")

    assert "b.md" in read(cache, cursor)[0]


# ---- shortening


def test_shortened_cursors_still_lead_to_the_same_place(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever had read what was dropped misses nothing; whoever had not is told so."""
    monkeypatch.setattr(record, "LONGEST", 2_000)
    wrote(cache, "0.md")
    _, first, _ = read(cache, "")
    cursors = {}
    for number in range(1, 200):
        wrote(cache, f"{number}.md")
        _, cursors[number], _ = read(cache, "")
        assert (cache / FILE).stat().st_size < 3_000

    paths, last, whole = read(cache, first)
    assert not whole
    assert paths == [f"{number}.md" for number in range(200 - len(paths), 200)]
    assert 5 < len(paths) < 30
    for number, cursor in cursors.items():
        told, same, all_of_it = read(cache, cursor)
        assert same == last
        assert all_of_it == (number >= 200 - len(paths) - 1)
        assert told == ([f"{later}.md" for later in range(number + 1, 200)] if all_of_it else paths)
    assert [path.name for path in cache.iterdir()] == [FILE]


def test_from_before_the_record_all_that_is_left_is_told(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And that it is not all."""
    monkeypatch.setattr(record, "LONGEST", 2_000)
    _, cursor, _ = read(cache, "")
    for number in range(100):
        wrote(cache, f"{number}.md")

    paths, _, whole = read(cache, cursor)

    assert not whole
    assert paths[-1] == "99.md"


def test_a_line_longer_than_all_else_is_dropped_too(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The record stays bounded whatever a title is like."""
    monkeypatch.setattr(record, "LONGEST", 2_000)
    wrote(cache, "a.md")
    Record(cache).add("s", [("b.md", None, SAID._replace(title="x" * 10_000))])
    _, cursor, _ = read(cache, "")
    wrote(cache, "c.md")

    assert read(cache, cursor)[::2] == (["c.md"], True)
    assert (cache / FILE).stat().st_size < 2_000


# ---- where it cannot be written


def test_in_memory_it_is_this_processs_own(cache: Path) -> None:
    """Told here, unknown to others, and never in the folder."""
    one, other = Record(cache), Record(cache)
    cursor = one.since("").cursor
    one.add("s", [("a.md", None, SAID)], in_memory=True)

    assert [each.path for each in one.since(cursor).changes] == ["a.md"]
    assert other.since(cursor).changes == ()
    assert other.since(one.since(cursor).cursor)[::2] == ((), False)
    assert list(cache.iterdir()) == []


def test_what_cannot_be_written_or_read_is_not_told(cache: Path) -> None:
    """A save does not fail for it."""
    (cache / FILE).mkdir()

    wrote(cache, "a.md")

    assert read(cache, "abc:1") == ([], "abc:1", False)


@pytest.mark.parametrize("longest", [20_000, record.LONGEST])
def test_several_processes_write_one_record(world: World, longest: int) -> None:
    """Each under the index's lock: whoever reads meanwhile gets whole lines, each once and in order, or is told so."""
    script = """
import sys
from pathlib import Path
from memfs.index import record
from memfs.index.folder import IndexFolder
record.LONGEST = int(sys.argv[3])
cache, me = Path(sys.argv[1]), sys.argv[2]
folder = IndexFolder(cache)
ours = record.Record(cache)
for number in range(200):
    with folder.locked(60):
        ours.add(me, [(f"{number}.md", None, record.Told("id", "t" * 40, "d"))])
"""
    writers = [world.start(script, world.cache, name, longest) for name in "abc"]
    cursor, whole = Record(world.cache).since("").cursor, True
    told: dict[str, list[int]] = {name: [] for name in "abc"}

    def take() -> None:
        nonlocal cursor, whole
        news = Record(world.cache).since(cursor)
        cursor, whole = news.cursor, whole and news.whole
        for change in news.changes:
            told[change.store].append(int(change.path.removesuffix(".md")))

    while any(writer.poll() is None for writer in writers):
        take()
    finished(writers)
    take()

    for numbers in told.values():
        assert numbers == sorted(set(numbers))
        assert numbers[-1:] == [199]
        assert not whole or numbers == list(range(200))
    assert whole or longest < record.LONGEST
    assert all(json.loads(line) for line in (world.cache / FILE).read_text().splitlines())

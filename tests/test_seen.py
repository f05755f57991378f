"""What the index has seen: logs that several processes append to and read, and a seal that notices damage."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from memfs.changes import GONE
from memfs.changes import Snapshot
from memfs.changes import Stamp
from memfs.changes import blocks
from memfs.changes import pack
from memfs.seen import COMPACT_BYTES
from memfs.seen import CONTENTS
from memfs.seen import SEAL
from memfs.seen import Seen

STORE = "0123456789abcdef"


def stamp(number: int) -> Stamp:
    """Return a stamp unlike that of any other *number*."""
    return Stamp(number, number, number, number)


def log(folder: Path) -> Path:
    """Return the log of the store in *folder*."""
    return folder / f"{STORE}.seen"


def test_nothing_was_seen_of_a_store_without_a_log(tmp_path: Path) -> None:
    """Neither in an empty folder nor in one that is not there."""
    assert Seen(tmp_path).of(STORE) == {}
    assert Seen(tmp_path / "missing").of(STORE) == {}
    assert Seen(tmp_path).keys() == []


def test_what_was_added_is_seen_by_everybody(tmp_path: Path) -> None:
    """The one that added it, one that looked before, and one that looks for the first time."""
    writer, reader = Seen(tmp_path), Seen(tmp_path)
    before = reader.of(STORE)

    writer.add(STORE, {"a": stamp(1), "b": stamp(2)})
    writer.add(STORE, {"b": stamp(3), "ü/c": stamp(4)})

    after = {"a": stamp(1), "b": stamp(3), "ü/c": stamp(4)}
    assert before == {}
    assert writer.of(STORE) == reader.of(STORE) == Seen(tmp_path).of(STORE) == after


def test_what_is_gone_is_not_seen(tmp_path: Path) -> None:
    """A removal is recorded, and the path comes back when it is added again."""
    writer, reader = Seen(tmp_path), Seen(tmp_path)
    writer.add(STORE, {"a": stamp(1), "b": stamp(2)})
    reader.of(STORE)

    writer.add(STORE, {"a": GONE})
    removed = reader.of(STORE)
    writer.add(STORE, {"a": stamp(5)})

    assert removed == {"b": stamp(2)}
    assert reader.of(STORE) == {"a": stamp(5), "b": stamp(2)}


def test_two_writers_take_turns(tmp_path: Path) -> None:
    """Each adds to what the other left, whoever looked last."""
    one, other = Seen(tmp_path), Seen(tmp_path)

    for number in range(10):
        (one if number % 2 else other).add(STORE, {f"{number}": stamp(number), f"{number - 3}": GONE})

    expected = {f"{number}": stamp(number) for number in (7, 8, 9)}
    assert one.of(STORE) == other.of(STORE) == Seen(tmp_path).of(STORE) == expected


def test_stores_do_not_mix(tmp_path: Path) -> None:
    """Each store has its log, and forgetting one leaves the other."""
    seen = Seen(tmp_path)
    seen.add("one", {"a": stamp(1)})
    seen.add("two", {"a": stamp(2)})

    listed = sorted(seen.keys())
    seen.forget("one")
    seen.forget("never there")

    assert listed == ["one", "two"]
    assert (seen.of("one"), seen.of("two"), seen.keys()) == ({}, {"a": stamp(2)}, ["two"])


def test_a_save_appends_to_a_large_log_instead_of_writing_it_anew(tmp_path: Path) -> None:
    """One more file costs about its name and four numbers, whatever the store's size."""
    seen = Seen(tmp_path)
    seen.add(STORE, {f"{number:020}.md": stamp(number) for number in range(5_000)})
    before = log(tmp_path).read_bytes()

    seen.add(STORE, {"new.md": stamp(1)})

    after = log(tmp_path).read_bytes()
    assert after.startswith(before)
    assert len(after) - len(before) < 200


def test_a_log_is_compacted_and_readers_follow(tmp_path: Path) -> None:
    """However often one file changes, the log stays small, and who looked before sees the same as who did not."""
    writer, reader = Seen(tmp_path), Seen(tmp_path)

    for number in range(2_000):
        writer.add(STORE, {"a.md": stamp(number), f"{number % 7}.md": stamp(number)})
        if number % 300 == 0:
            assert reader.of(STORE) == writer.of(STORE)

    assert log(tmp_path).stat().st_size <= COMPACT_BYTES
    assert reader.of(STORE) == Seen(tmp_path).of(STORE) == writer.of(STORE)
    assert reader.of(STORE)["a.md"] == stamp(1_999)


@pytest.mark.parametrize("more", [0, 1, 50], ids=["as-long", "a-little-longer", "much-longer"])
def test_a_log_that_was_written_anew_is_read_anew(tmp_path: Path, more: int) -> None:
    """Also where the file system gives it the inode and the length of the one before it."""
    writer, reader = Seen(tmp_path), Seen(tmp_path)
    writer.add(STORE, {"a": stamp(1), "b": stamp(2)})
    reader.of(STORE)

    writer.forget(STORE)
    new = {"c": stamp(3), "d": stamp(4)} | {f"{number}": stamp(number) for number in range(more)}
    writer.add(STORE, new)

    assert reader.of(STORE) == new


def test_an_edition_lasts_until_the_log_is_written_anew(tmp_path: Path) -> None:
    """Appending keeps it, for every process; forgetting ends it, and the next log has another."""
    writer, reader = Seen(tmp_path), Seen(tmp_path)
    none = reader.edition(STORE)
    writer.add(STORE, {"a": stamp(1)})
    first = reader.edition(STORE)

    writer.add(STORE, {"b": stamp(2)})
    appended = [writer.edition(STORE), reader.edition(STORE)]
    writer.forget(STORE)
    forgotten = reader.edition(STORE)
    writer.add(STORE, {"a": stamp(1)})

    assert (none, forgotten) == (b"", b"")
    assert appended == [first, first]
    assert reader.edition(STORE) == writer.edition(STORE)
    assert reader.edition(STORE) not in (b"", first)


def test_a_log_that_was_forgotten_by_another_process_is_empty(tmp_path: Path) -> None:
    """A reader that had read it does not keep what it read."""
    writer, reader = Seen(tmp_path), Seen(tmp_path)
    writer.add(STORE, {"a": stamp(1)})
    reader.of(STORE)

    writer.forget(STORE)

    assert reader.of(STORE) == {}


@pytest.mark.parametrize("tail", [b"{", b"garbage\n", b"\0" * 100, pack({"z": stamp(9)})[:-1]], ids=repr)
def test_a_torn_tail_is_ignored_and_written_over(tmp_path: Path, tail: bytes) -> None:
    """A writer that died within a write costs what it wrote; the next one goes on from the last whole block."""
    first, reader = Seen(tmp_path), Seen(tmp_path)
    first.add(STORE, {"a": stamp(1)})
    with log(tmp_path).open("ab") as file:
        file.write(tail)

    torn = [reader.of(STORE), Seen(tmp_path).of(STORE)]
    Seen(tmp_path).add(STORE, {"b": stamp(2)})

    after = {"a": stamp(1), "b": stamp(2)}
    assert torn == [{"a": stamp(1)}] * 2
    assert reader.of(STORE) == first.of(STORE) == Seen(tmp_path).of(STORE) == after
    raw = log(tmp_path).read_bytes()
    assert [end for _, end in blocks(raw)][-1] == len(raw)


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"[" * 100_000 + b"\n", b"\xff" * 99 + b"\n"], ids=lambda each: repr(each[:9])
)
def test_a_log_that_is_none_says_nothing_and_is_replaced(tmp_path: Path, content: bytes) -> None:
    """Garbage in the cache is no error."""
    log(tmp_path).write_bytes(content)
    seen = Seen(tmp_path)

    nothing = seen.of(STORE)
    seen.add(STORE, {"a": stamp(1)})

    assert nothing == {}
    assert seen.of(STORE) == Seen(tmp_path).of(STORE) == {"a": stamp(1)}


steps = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(("add", "add", "add", "read", "forget", "tear")),
        st.dictionaries(st.sampled_from("abcd"), st.just(GONE) | st.builds(stamp, st.integers(0, 3)), max_size=3),
    ),
    max_size=12,
)


@settings(max_examples=100)
@given(steps)
def test_three_processes_always_agree(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, str, Snapshot]]
) -> None:
    """Whoever adds, forgets, reads or dies in a write: each sees what a dict would hold."""
    folder = tmp_path_factory.mktemp("seen")
    processes, held = [Seen(folder) for _ in range(3)], dict[str, Stamp]()

    for who, action, entries in steps:
        if action == "add":
            processes[who].add(STORE, entries)
            held = {path: each for path, each in {**held, **entries}.items() if each != GONE}
        elif action == "forget":
            processes[who].forget(STORE)
            held = {}
        elif action == "tear" and log(folder).exists():
            with log(folder).open("ab") as file:
                file.write(pack({"torn": stamp(9)})[:-5])
        assert processes[who].of(STORE) == held

    assert [each.of(STORE) for each in (*processes, Seen(folder))] == [held] * 4


# ---- the seal


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    """Return a folder with the files of an index, a log and a seal."""
    (tmp_path / CONTENTS).write_text('{"segments": []}')
    (tmp_path / ".managed.json").write_text("[]")
    for name in ("1.store", "1.term", "1.pos"):
        (tmp_path / name).write_bytes(b"index " * 100)
    seen = Seen(tmp_path)
    seen.add(STORE, {"a": stamp(1)})
    for path in tmp_path.iterdir():
        os.utime(path, (1_000, 1_000))  # older than the clock's tick, within which no stamp tells two writes apart
    seen.seal()
    return tmp_path


def test_an_index_that_was_sealed_is_sealed(sealed: Path) -> None:
    """For everybody, until the next commit; what no one relies on may come and go."""
    (sealed / ".tantivy-writer.lock").touch()
    (sealed / "x.new").touch()
    (sealed / "2.store").touch()

    assert Seen(sealed).sealed()


def test_a_folder_without_a_seal_is_not_sealed(tmp_path: Path) -> None:
    """Neither an empty one nor one that is missing."""
    assert not Seen(tmp_path).sealed()
    assert not Seen(tmp_path / "missing").sealed()


def cut(path: Path) -> None:
    """Cut the file *path* in half."""
    os.truncate(path, path.stat().st_size // 2)


def flip(path: Path) -> None:
    """Flip a bit in the middle of the file *path*."""
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


def swap(path: Path) -> None:
    """Put another file in the place of *path*."""
    other = path.with_name("other")
    other.write_bytes(b"something else")
    other.replace(path)


def empty(path: Path) -> None:
    """Leave nothing in *path*."""
    path.write_bytes(b"")


DAMAGED = [
    *[(CONTENTS, damage) for damage in (cut, flip, swap, empty, Path.unlink)],
    *[(SEAL, damage) for damage in (cut, swap, empty, Path.unlink)],
    *[("1.store", damage) for damage in (cut, flip, swap, empty)],
    *[(f"{STORE}.seen", damage) for damage in (cut, flip, swap, empty, Path.unlink)],
]  # fmt: skip


@pytest.mark.parametrize(("name", "damage"), DAMAGED, ids=[f"{damage.__name__}-{name}" for name, damage in DAMAGED])
def test_the_seal_notices_damage(sealed: Path, name: str, damage: Callable[[Path], None]) -> None:
    """What was cut, flipped, swapped, emptied or taken away is not as its last writer left it."""
    damage(sealed / name)

    assert not Seen(sealed).sealed()


@pytest.mark.parametrize(
    "content", [b"null", b"[]", b"{}", b'{"contents": 1}', b'{"contents": 1, "files": []}', b"\xff", b"1"]
)
def test_a_seal_that_is_none_seals_nothing(sealed: Path, content: bytes) -> None:
    """Any JSON, and anything else, in the place of the seal."""
    (sealed / SEAL).write_bytes(content)

    assert not Seen(sealed).sealed()


def test_a_log_that_grew_after_the_seal_breaks_it_until_the_next(sealed: Path) -> None:
    """A writer that died between its log and its seal is noticed; one that lived seals again."""
    seen = Seen(sealed)
    seen.add(STORE, {"b": stamp(2)})
    between = Seen(sealed).sealed()

    seen.seal()

    assert not between
    assert Seen(sealed).sealed()


def test_a_log_that_the_seal_does_not_know_breaks_it(sealed: Path) -> None:
    """What was seen of a store says nothing unless the index was sealed with it."""
    Seen(sealed).add("another", {"a": stamp(1)})

    assert not Seen(sealed).sealed()

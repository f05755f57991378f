"""Stamps, snapshots and what differs between two; the log they are kept in survives tearing and flipped bytes."""

from __future__ import annotations

import json

import pytest
from hypothesis import example
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from memfs import changes
from memfs.changes import GONE
from memfs.changes import NOTHING
from memfs.changes import TICK_NS
from memfs.changes import Changes
from memfs.changes import Snapshot
from memfs.changes import Stamp
from memfs.changes import diff
from memfs.changes import pack

numbers = st.integers(-(1 << 63), (1 << 63) - 1)
stamps = st.builds(Stamp, numbers, numbers, numbers, numbers) | st.just(GONE)
paths = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=12) | st.just(
    "\udcff.md"
)
snapshots = st.dictionaries(paths, stamps, max_size=6)
few = st.dictionaries(st.sampled_from("abcd"), st.builds(Stamp, st.integers(0, 2), st.just(0), st.just(0), st.just(0)))
"""Snapshots of a few names and stamps, so that two have something in common."""


def merged(blocks: list[Snapshot]) -> Snapshot:
    """Return what the last of *blocks* says of each path."""
    entries: Snapshot = {}
    for block in blocks:
        entries.update(block)
    return entries


def unpack(log: bytes) -> tuple[Snapshot, int]:
    """Return what the blocks of *log* say last of each path, and how many bytes of it are whole blocks."""
    whole = list(changes.blocks(log))
    return merged([block for block, _ in whole]), whole[-1][1] if whole else 0


@given(few, few)
def test_a_diff_names_each_path_that_differs_once(before: Snapshot, after: Snapshot) -> None:
    """Added, changed and removed are those that are new, other and gone, sorted."""
    changes = diff(before, after)

    assert changes.added == tuple(sorted(path for path in after if path not in before))
    assert changes.removed == tuple(sorted(path for path in before if path not in after))
    assert changes.changed == tuple(sorted(p for p in before if p in after and before[p] != after[p]))
    assert bool(changes) == (before != after)


@given(few, few)
def test_a_diff_backwards_swaps_added_and_removed(before: Snapshot, after: Snapshot) -> None:
    """What one direction adds the other removes, and what changed changed."""
    there, back = diff(before, after), diff(after, before)

    assert (there.added, there.changed, there.removed) == (back.removed, back.changed, back.added)


def test_nothing_differs_from_itself() -> None:
    """Two equal snapshots differ in nothing, which is false."""
    snapshot = {"a": Stamp(1, 2, 3, 4)}

    assert diff(snapshot, dict(snapshot)) == NOTHING == Changes()
    assert not NOTHING


@pytest.mark.parametrize("field", range(4), ids=Stamp._fields)
def test_a_stamp_that_differs_in_anything_is_a_change(field: int) -> None:
    """Size, mtime, ctime and inode each tell: `touch -r` restores only one of them."""
    numbers = [1, 2, 3, 4]
    other = [*numbers[:field], 9, *numbers[field + 1 :]]

    assert diff({"a": Stamp(*numbers)}, {"a": Stamp(*other)}) == Changes(changed=("a",))


def test_a_rename_is_a_removal_and_an_addition() -> None:
    """Names are compared, not contents."""
    stamp = Stamp(1, 2, 3, 4)

    assert diff({"a": stamp}, {"b": stamp}) == Changes(added=("b",), removed=("a",))


def test_a_stamp_taken_within_a_tick_of_the_write_equals_no_files() -> None:
    """A second write in the same tick would leave the same stamp, so the first is not believed."""
    stamp = Stamp(1, 1_000_000_000, 1_000_000_000, 4)

    assert stamp.settled(stamp.ctime_ns + TICK_NS) != stamp
    assert stamp.settled(stamp.ctime_ns + TICK_NS + 1) == stamp
    assert stamp.settled(stamp.ctime_ns - 1) != stamp


@given(st.lists(snapshots, max_size=4), st.text("0123456789abcdef", max_size=12))
@example([{}], "")
def test_a_log_says_last_of_each_path_what_was_packed_last(blocks: list[Snapshot], label: str) -> None:
    """Any names, undecodable ones too, any 64-bit numbers and removals come back; a label changes nothing."""
    log = b"".join(pack(block, label) for block in blocks)

    assert unpack(log) == (merged(blocks), len(log))


@given(st.lists(snapshots, min_size=1, max_size=3), st.data())
def test_a_torn_log_is_read_up_to_its_last_whole_block(blocks: list[Snapshot], data: st.DataObject) -> None:
    """However short the tail is cut, the blocks before it hold, and their length is told."""
    packed = [pack(block) for block in blocks]
    whole = b"".join(packed[:-1])
    cut = data.draw(st.integers(0, len(packed[-1]) - 1))

    assert unpack(whole + packed[-1][:cut]) == (merged(blocks[:-1]), len(whole))


@settings(max_examples=300)
@given(st.lists(snapshots.filter(bool), min_size=2, max_size=3), st.data())
def test_a_flipped_byte_costs_its_block_and_those_after_it_at_most(blocks: list[Snapshot], data: st.DataObject) -> None:
    """What is read is the blocks before the damage, or all of it where the byte means nothing; never something else."""
    packed = [pack(block, "label") for block in blocks]
    log = bytearray(b"".join(packed))
    place = data.draw(st.integers(0, len(log) - 1))
    log[place] ^= data.draw(st.integers(1, 255))

    entries, length = unpack(bytes(log))

    ends = [sum(map(len, packed[:count])) for count in range(len(blocks) + 1)]
    assert length in ends
    assert entries == merged(blocks[: ends.index(length)])
    assert length >= max(end for end in ends if end <= place)


HEADS: list[object] = [
    [], "text", 5, None, {}, {"count": 1}, {"count": "x", "names": 0, "crc": 0}, {"count": -1, "names": 0, "crc": 0},
    {"count": 1e999, "names": 0, "crc": 0}, {"count": 0, "names": -40, "crc": 0}, {"count": None, "names": 0, "crc": 0},
    {"count": 10**400, "names": 0, "crc": 0}, {"count": 1 << 62, "names": 0, "crc": 0},
]  # fmt: skip


@pytest.mark.parametrize(
    "garbage",
    [json.dumps(head).encode() + b"\n" for head in HEADS]
    + [
        b"\n",
        b"hello\n",
        b"\xff\xfe\n",
        b"[" * 100_000 + b"\n",
        b'{"count": ' + b"9" * 5000 + b"}\n",
        b"\0" * 4096 + b"\n",
    ],
    ids=lambda garbage: repr(garbage[:30]),
)
def test_garbage_is_no_block(garbage: bytes) -> None:
    """What was never a log is read as the end of the log before it, without an error."""
    good = pack({"a": Stamp(1, 2, 3, 4)})

    assert unpack(garbage) == ({}, 0)
    assert unpack(good + garbage + good) == ({"a": Stamp(1, 2, 3, 4)}, len(good))


def test_counts_that_do_not_fit_their_block_are_no_block() -> None:
    """A head whose counts were exchanged against each other passes the checksum, and is still not believed."""
    good = pack({"a": Stamp(1, 2, 3, 4), "b": Stamp(5, 6, 7, 8)})
    line, _, rest = good.partition(b"\n")
    head = json.loads(line)
    forged = json.dumps({**head, "count": head["count"] - 1, "names": head["names"] + 32}).encode() + b"\n" + rest

    assert unpack(forged) == ({}, 0)

"""Stores as commits have them: which commit a time or a name means, and its memories put out as files.

It asks git, and only reads. What a tree names is written where a store would find it, or not at all.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from memfs import commits
from memfs.answers import LAST_SECOND
from memfs.answers import Moment
from memfs.errors import MAX_SHOWN
from memfs.errors import Invalid
from memfs.errors import NotFound
from memfs.errors import OutsideStore
from memfs.errors import Refused
from memfs.memory import MAX_BYTES
from memfs.repository import Repository
from memfs.store import Store

MOST_FILES, MOST_BYTES = 200_000, 1 << 28
"""Of the memories of one store."""
_SIDE_BY_SIDE = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG)
"""What comes of names that a tree may have and a folder may not, or not beside each other."""


class Place(NamedTuple):
    """The repository that a store lies in, below its prefix, and the commit that is meant."""

    repository: Repository
    moment: Moment


def places(stores: Sequence[Store], when: str, until: datetime | None) -> tuple[dict[str, Place], list[str]]:
    """Return, by key, where those of *stores* lay that were committed by then; and why the others are left out.

    Args:
        stores: Nearest first.
        when: What a person typed.
        until: The time that it means; None: it is a commit of the nearest store's repository, and the others are
            taken as they were when that was made.

    Raises:
        Invalid: It is no commit.
        NotFound: Nothing was committed by then.
        Refused: No store lies in a git repository, or one is bare.
        GitFailed: Git cannot be had, or refused.
    """
    around = {store.key: there for store in stores if (there := commits.around(store)) is not None}
    if not around:
        roots = ", ".join(str(store.root) for store in stores) or "here"
        raise Refused(f"Nothing is known of how the memories were: no git repository is around {roots}.")
    nearest = next(iter(around.values()))
    named = _named(nearest, when) if until is None else None
    found: dict[str, Place] = {}
    notes = []
    for store in stores:
        if store.key not in around:
            notes.append(f"The {store.scope} store is left out: no git repository is around {store.root}.")
            continue
        repository = around[store.key]
        same = named if repository.top == nearest.top else None
        moment = same or _last(repository, repository.head(), until or (named and named.time))
        if moment is None:
            notes.append(f"The {store.scope} store is left out: nothing was committed in {repository.top} by then.")
        else:
            found[store.key] = Place(repository, moment)
    if not found:
        shallow = (nearest.folder / "shallow").exists()
        hint = " It is a shallow clone: `git fetch --unshallow` brings what was before." if shallow else ""
        sentence = f"Nothing was committed in {nearest.top} by {when}, so nothing is known of then.{hint}"
        raise NotFound(when, sentence=sentence)
    return found, notes


def _named(repository: Repository, name: str) -> Moment:
    tip = repository.commit_of(name) if "\0" not in name else ""
    moment = _last(repository, "" if "\n" in tip else tip, None)  # a range is two
    if moment is None:
        times = "a time (2026-01-31, 2026-01, 12h, 7d, 4w)"
        raise Invalid(f"{name[:MAX_SHOWN]!r} is neither {times} nor a commit, tag or branch of {repository.top}.")
    return moment


def _last(repository: Repository, tip: str, until: datetime | None) -> Moment | None:
    """Return the commit *tip*, or the last one before it that was made until then; None when there is none.

    What was merged later counts when it was merged: only the first parents are looked at.
    """
    limit = [] if until is None else ["--first-parent", f"--min-age={max(int(until.timestamp()), 0)}"]
    line = repository.run("rev-list", "-1", "--timestamp", *limit, tip, "--").line if tip else ""
    if not line:
        return None
    second, name = line.split(" ")
    return Moment(name, datetime.fromtimestamp(min(int(second), LAST_SECOND), UTC))


def put_out(place: Place, store: Store) -> None:
    """Write the memories of *place* as files into *store*, which is empty; they are as old as the commit.

    What a store would not take for a memory is left out: links, repositories, names that begin with a dot or lead
    elsewhere, and what is too large.

    Raises:
        Refused: It holds too much.
        GitFailed: Git refused, or not all of it is in this clone.
        OSError: A file cannot be written.
    """
    store.root.mkdir(parents=True)
    oids = dict(_memories(place))
    raws = dict(zip(oids.values(), place.repository.blobs(list(oids.values())), strict=True))
    nanoseconds = int(place.moment.time.timestamp()) * 1_000_000_000
    for path, oid in oids.items():
        with suppress(OutsideStore, Invalid):
            store.stamp(path)  # refuses what is not the path of a memory
            try:
                _write(store.absolute(path), raws[oid], nanoseconds)
            except OSError as error:
                if error.errno not in _SIDE_BY_SIDE:
                    raise


def _memories(place: Place) -> Iterator[tuple[str, str]]:
    """Yield path below the store, and object, of what may be a memory."""
    prefix = place.repository.prefix
    under = [prefix] if prefix else []
    command = ("--literal-pathspecs", "ls-tree", "-r", "-l", "-z", "--full-tree")
    listed = place.repository.run(*command, place.moment.commit, "--", *under)
    files = total = 0
    for line in listed.fields:
        about, path = line.split("\t", 1)
        mode, _, oid, said = about.split()
        size = int(said) if said.isdecimal() else 0  # git has not the text here, and says so when it is asked for it
        is_memory = mode.startswith("100") and path.startswith(prefix) and path[-3:].lower() == ".md"
        if is_memory and size <= MAX_BYTES:
            files, total = files + 1, total + size
            yield path[len(prefix) :], oid
    if files > MOST_FILES or total > MOST_BYTES:
        raise Refused(
            f"{place.moment.commit[:10]} holds more memories than can be put out: {files:,}, {total:,} bytes."
        )


def _write(path: Path, raw: bytes, nanoseconds: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        file.write(raw)
    os.utime(path, ns=(nanoseconds, nanoseconds))

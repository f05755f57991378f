"""Memories in conflict: which there are, what their sides say, and settling one of them for good."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Literal
from typing import NamedTuple

from memfs import git
from memfs import memory as memories
from memfs import merging
from memfs.answers import Entry
from memfs.changes import GONE
from memfs.errors import Invalid
from memfs.errors import MemfsError
from memfs.errors import NotFound
from memfs.errors import Refused
from memfs.memory import Memory
from memfs.merging import TwoMemories
from memfs.repository import Repository
from memfs.store import Store
from memfs.workspace import Workspace

Way = Literal["ours", "theirs", "both"]
WAYS: tuple[Way, ...] = ("ours", "theirs", "both")
_HUNK = re.compile(
    rb"^<{7}(?: [^\n]*)?\n(?P<ours>.*?)(?:^\|{7}(?: [^\n]*)?\n.*?)?^={7}\r?\n(?P<theirs>.*?)^>{7}(?: [^\n]*)?(?:\n|\Z)",
    re.MULTILINE | re.DOTALL,
)
"""A clash as git writes it, with or without what was there before."""


class Clash(NamedTuple):
    """A memory in conflict.

    Attributes:
        store, path: Where it lies.
        present: The file's bytes, None when there is none.
        sides: What each way of settling it makes of the file; None: no file.
        staged: Git's own index holds it as unmerged, and is told when it is settled.
    """

    store: Store
    path: str
    present: bytes | None
    sides: Mapping[Way, bytes | None]
    staged: bool


def clashes(here: Workspace) -> Sequence[Clash]:
    """Return the memories of one's own stores that are in conflict: with both texts in the file, or for git.

    A merge driver that was missing or died leaves no mark in the file, only in git's index: that is asked.
    """
    return [_clash(each.store, path) for each in here.status().stores for path in each.conflicts]


def named(here: Workspace, reference: str) -> Clash:
    """Return the memory in conflict that *reference* names: its path, its title, its id or the beginning of that.

    Raises:
        NotFound: There is none.
    """
    known = clashes(here)
    wanted = reference.casefold()
    for clash in known:
        path = clash.store.absolute(clash.path)
        if reference in (clash.path, str(path)) or (Path.cwd() / reference) == path:
            return clash
    found = [clash for clash in known if any(_is_called(memory, wanted) for memory in _memories(clash))]
    if len(found) == 1:
        return found[0]
    names = [clash.path for clash in found or known]
    hint = f"In conflict: {', '.join(names[:5])}." if names else "Nothing is in conflict."
    raise NotFound(reference, hint=hint, what="memory in conflict")


def _memories(clash: Clash) -> Iterator[Memory]:
    for raw in (clash.present, *clash.sides.values()):
        if raw is not None:
            yield memories.parse(raw, clash.path)


def _is_called(memory: Memory, wanted: str) -> bool:
    return memory.title.casefold() == wanted or (bool(wanted) and memory.id.casefold().startswith(wanted))


def _clash(store: Store, path: str) -> Clash:
    present = store.read(path).raw if store.stamp(path) != GONE else None
    stages: dict[int, bytes] = {}
    with suppress(MemfsError):
        if (repository := Repository.of(store.root)) is not None:
            sides = repository.sides(repository.prefix + path)
            stages = dict(zip(sides, repository.blobs(list(sides.values())), strict=True))
    if present is not None and (first := _HUNK.search(present)):
        chosen: dict[Way, bytes | None] = {way: _HUNK.sub(partial(_of, way=way), present) for way in WAYS}
        if stages.keys() >= {2, 3} and first.start() < present.find(b"\n---", 3):  # in the header: by its keys' meaning
            chosen["both"] = _both(stages.get(1), stages[2], stages[3])
    else:
        ours, theirs = stages.get(2), stages.get(3)
        chosen = {"ours": ours, "theirs": theirs, "both": _both(stages.get(1), ours, theirs)}
    return Clash(store, path, present, chosen, bool(stages))


def _of(hunk: re.Match[bytes], way: Way) -> bytes:
    return b"".join(hunk[side] for side in ("ours", "theirs") if way in (side, "both"))


def _both(base: bytes | None, ours: bytes | None, theirs: bytes | None) -> bytes | None:
    """Return what memfs makes of two sides that git left unmerged, with both texts where they clash."""
    if ours is None or theirs is None:
        return ours if theirs is None else theirs
    raw = driven(base or b"", ours, theirs)[0]
    return _HUNK.sub(partial(_of, way="both"), raw)


def settle(here: Workspace, clash: Clash, raw: bytes | None) -> Entry | None:
    """Make *raw* (None: no file) of the memory in conflict; return it as it is then. What was there is kept for `undo`.

    Raises:
        Invalid: It is still in conflict.
        Changed: The file was edited since it was looked at.
        StorageFailed: It could not be written.
    """
    if raw is not None and raw not in (clash.sides.get("ours"), clash.sides.get("theirs")):
        memory = memories.parse(raw, clash.path)
        if memory.state != "ok":
            why = "still has conflict markers" if memory.state == "conflict" else memory.problems[0].reason
            where = clash.store.absolute(clash.path)
            raise Invalid(f"{where} would not be whole ({why}); nothing was settled. `memfs resolve --edit` opens it.")
    entry = here.settle(clash.store, clash.path, clash.present, raw)
    repository = Repository.of(clash.store.root) if clash.store.is_there() else None
    if repository is not None and (clash.staged or repository.underway()):  # settled once, taken back, and settled anew
        repository.stage(repository.prefix + clash.path, raw)
    return entry


def driven(base: bytes, ours: bytes, theirs: bytes) -> tuple[bytes, bool]:
    """Return what git's merge of one memory comes to, and whether it clashes; see gitattributes(5).

    Raises:
        GitFailed: Git cannot merge lines.
    """
    try:
        merged = merging.merge(base or None, ours, theirs, git.merge_lines)
    except TwoMemories:
        return git.merge_lines(b"", ours, theirs)[0], True
    return merged.raw, merged.clash


def register(store: Store) -> tuple[Repository, bool]:
    """Have git merge the memories of *store* by memfs in the repository around it; return that, and whether it is new.

    A line in `.gitattributes` that travels with the repository, and the command in this clone's own settings.

    Raises:
        Invalid: There is no repository.
        Refused: `.gitattributes` is a link.
        GitFailed, StorageFailed: As they say.
    """
    repository = Repository.of(store.root if store.is_there() else store.root.parent)
    if repository is None:
        raise Invalid(f"{store.root.parent} lies in no git repository; `git init` begins one.")
    prefix = f"{store.root.relative_to(repository.top).as_posix()}/".removeprefix("./")
    line = f"{_pattern(prefix)} merge=memfs"
    attributes = repository.top / ".gitattributes"
    if attributes.is_symlink():
        raise Refused(f"{attributes} is a link, which memfs does not write through.")
    before = attributes.read_bytes() if attributes.exists() else b""
    new = line.encode() not in before.splitlines()
    if new:
        gap = b"" if before.endswith(b"\n") or not before else b"\n"
        with attributes.open("ab") as file:
            file.write(gap + line.encode() + b"\n")
    for key, value in merging.DRIVER.items():
        repository.run("config", key, value)
    return repository, new


def _pattern(prefix: str) -> str:
    """Return what means the memories below *prefix* in a `.gitattributes`, whatever its characters are."""
    escaped = re.sub(r"([\\*?\[])", r"\\\1", prefix)
    pattern = f"/{escaped}**/*.md"
    return json.dumps(pattern, ensure_ascii=False) if re.search(r'[\s"]', pattern) else pattern


def lines_of(clash: Clash) -> Iterator[tuple[str, str]]:
    """Yield what is in the file, or what either side says: (side, line), side empty for what both have."""
    text = (clash.present or b"").decode("utf-8", "replace")
    side = ""
    for line in text.splitlines():
        if re.match(r"<{7}( |$)", line):
            side = "ours"
        elif re.match(r"\|{7}( |$)", line) and side:
            side = "before"
        elif re.match(r"={7}$", line) and side:
            side = "theirs"
        elif re.match(r">{7}( |$)", line) and side:
            side = ""
        else:
            yield side, line

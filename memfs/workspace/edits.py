"""What the verbs do to files: the bytes that are replaced or removed go to the undo journal first."""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from contextlib import suppress
from typing import TypeVar

from memfs import memory as memories
from memfs import trust
from memfs import worktree
from memfs.answers import Entry
from memfs.changes import GONE
from memfs.config import CHANNEL_NAME
from memfs.errors import Busy
from memfs.errors import Changed
from memfs.errors import Conflict
from memfs.errors import Exists
from memfs.errors import Invalid
from memfs.errors import MemfsError
from memfs.errors import Refused
from memfs.errors import StorageFailed
from memfs.errors import Unwritable
from memfs.store import ABSENT
from memfs.store import Store
from memfs.undo import Entry as Version
from memfs.undo import Journal
from memfs.undo import Verb
from memfs.undo import new_version
from memfs.values import Value
from memfs.workspace.names import Names

Answer = TypeVar("Answer")


class Edits:
    """Writes, moves and removes files of the stores, each after a copy went to the journal."""

    def __init__(self, journal: Journal, names: Names) -> None:
        self.journal = journal
        self._read = names.entry
        self._view = names.view
        self._config = names.config

    def _record(self, verb: Verb, entry: Entry, new: Entry | None) -> Version:
        """Return the journal's entry for doing *verb* to *entry*, which then is *new* (None: gone)."""
        now = time.time()
        return Version(
            version=new_version(now),
            verb=verb,
            memory_id=(new or entry).memory.id,
            title=entry.memory.title,
            root=str(entry.store.root),
            path=entry.memory.path,
            new_root=str(new.store.root) if new else "",
            new_path=new.memory.path if new else "",
            digest=new.file.digest if new else "",
            at=now,
            workspace=str(self._view.workspace),
            session=self._config.session,
        )

    def refuse_guest(self, store: Store) -> None:
        """Refuse to change what lies in *store* if that is another project's.

        Raises:
            Refused: It is.
        """
        part = self._view.part(store)
        if part is not None and part.is_guest:
            there = f"it is read here, and changed there: stand in {store.root.parent}."
            raise Refused(f"{store.root} belongs to {store.scope}; {there}")

    def vouch(self, store: Store, path: str, digest: str) -> Entry:
        """Return the memory at *path* of *store*, where memfs has just put the text of *digest*, vouched for.

        That text alone: if somebody else's lies there by now, it is a stranger's.
        """
        if store.scope == "workspace" and not trust.is_trusted(self._config.state, store.root.parent):
            with suppress(StorageFailed, Invalid):  # it is marked as a stranger's then, and safe all the same
                trust.accept(self._config.state, store.root.parent, [(path, digest)])
        return self._read(store, path)

    @contextmanager
    def announced(self, verb: Verb, entry: Entry, new: Entry | None) -> Iterator[None]:
        """Write down what is about to happen to *entry*, and take that back when the block fails.

        *new* is how it will be, None when it will be gone.

        Raises:
            StorageFailed: It could not be written down, so nothing may be done.
        """
        self.refuse_guest(entry.store)
        kept = self.journal.keep(entry.store, self._record(verb, entry, new), entry.file.raw)
        try:
            yield
        except (Conflict, Refused, Busy):
            self.journal.drop(entry.store, kept)
            raise
        except BaseException:
            # an error after the deed (a flush that fails, Ctrl-C) must not cost the only copy of what was there
            if self._untouched(entry, new):
                self.journal.drop(entry.store, kept)
            raise

    def _untouched(self, entry: Entry, new: Entry | None) -> bool:
        """Return whether the file of *entry* is surely as it was, and not yet at *new*'s place."""
        try:
            moved = new is not None and new.path != entry.path and new.store.stamp(new.memory.path) != GONE
            return not moved and entry.store.read(entry.memory.path).raw == entry.file.raw
        except MemfsError:
            return False

    def edited(self, before: Entry) -> Entry:
        """Return *before* as somebody left its file, vouched for as it was; what they changed can be taken back."""
        after = self._read(before.store, before.memory.path)
        if after.file.digest == before.file.digest:
            return after
        self.journal.keep(before.store, self._record("update", before, after), before.file.raw)
        return self.vouch(after.store, after.memory.path, after.file.digest) if before.trusted else after

    def made(self, verb: Verb, entry: Entry) -> None:
        """Write down that *entry* was made, for `undo`; the memory is safe even if this fails."""
        with suppress(StorageFailed):
            self.journal.keep(entry.store, self._record(verb, entry, entry), b"")

    def rewritten(
        self, entry: Entry, changes: Mapping[str, Value | None], body: str | None, *, allow_secret: bool
    ) -> Entry:
        """Return *entry* as it is after *changes*; a memory without an id gets one. Raises like `Workspace.update`."""
        refuse_unwritable(entry)
        if "id" in changes:
            raise Invalid("A memory keeps its id for life.")
        refuse_bad_channels(changes)
        if not entry.memory.id_written:
            changes = {"id": memories.new_id(), **changes}
        raw = memories.patch(entry.file.raw, entry.memory, changes, body)
        if raw == entry.file.raw:
            return entry
        if not allow_secret:
            from memfs import credentials

            credentials.refuse(body or "", changes, entry.file.raw.decode("utf-8", "replace"))
        return self.replaced("update", entry, raw)

    def replaced(self, verb: Verb, entry: Entry, raw: bytes) -> Entry:
        """Put *raw* in the place of *entry*'s bytes; return the memory as it is then. Raises like `Store.write`."""
        described = memories.parse(raw, entry.memory.path)
        new = entry._replace(memory=described, file=entry.file._replace(digest=memories.digest(raw)))
        with self.announced(verb, entry, new):
            entry.store.write(entry.memory.path, raw, entry.file.digest)
        # what nobody vouched for is not made trusted by a change to it, nor by bringing it back
        if verb == "update" and entry.trusted:
            return self.vouch(entry.store, entry.memory.path, new.file.digest)
        return self._read(entry.store, entry.memory.path)

    def moved(self, verb: Verb, entry: Entry, target: Store) -> Entry:
        """Move *entry*'s file to the same path in *target*, or to a free name beside it. Raises like `Store.move`."""
        path = entry.memory.path
        folder, slash, _ = path.rpartition("/")

        def attempt(new_path: str) -> Entry:
            new = entry._replace(store=target, memory=entry.memory._replace(path=new_path))
            with self.announced(verb, entry, new):
                entry.store.move(path, entry.file.digest, target, new_path)
            return self.vouch(target, new_path, entry.file.digest) if entry.trusted else self._read(target, new_path)

        try:
            return attempt(path)
        except Exists:
            return with_free_name(lambda name: attempt(f"{folder}{slash}{name}"), entry.memory.title)

    def removed(self, verb: Verb, entry: Entry) -> None:
        """Remove *entry*'s file. Raises like `Store.remove`."""
        with self.announced(verb, entry, None):
            entry.store.remove(entry.memory.path, entry.file.digest)

    def forgotten(self, entry: Entry) -> None:
        """Remove *entry*'s file, of which the journal has a copy. Raises like `removed`.

        Raises:
            Refused: It is too large for that copy.
        """
        if len(entry.file.raw) > memories.MAX_BYTES:
            raise Refused(f"{entry.path} is too large for an undo copy; remove the file yourself if it should go.")
        self.removed("forget", entry)

    def settled(self, store: Store, path: str, before: bytes | None, raw: bytes | None) -> Entry | None:
        """Make *raw* (None: no file) of what is *before* at *path*; return the memory as it is then.

        Raises:
            Changed: It is no longer what it was.
            StorageFailed: It could not be written.
        """
        if before is None:
            return None if raw is None else self.put_back("put_back", store, path, raw, path)
        entry = self._read(store, path)
        if entry.file.raw != before:
            raise Changed(entry.path, memories.digest(before), entry.file.digest)
        if raw is None:
            self.removed("forget", entry)
            return None
        return entry if raw == before else self.replaced("update", entry, raw)

    def put_back(self, verb: Verb, store: Store, path: str, raw: bytes, title: str) -> Entry:
        """Make the file *path* with the bytes *raw* again, or one of a free name where another took its place."""
        self.refuse_guest(store)
        try:
            store.write(path, raw, ABSENT)
        except Exists:
            path = with_free_name(lambda name: store.write(name, raw, ABSENT), title).path
        entry = self._read(store, path)
        self.made(verb, entry)
        return entry


def refuse_unwritable(entry: Entry) -> None:
    """Refuse to change what could not be read as it stands.

    Raises:
        Unwritable: The memory is malformed, unreadable or in conflict.
    """
    memory = entry.memory
    if memory.state != "ok":
        problem = memory.problems[0]
        where = f" (line {problem.line})" if problem.line else ""
        raise Unwritable(entry.path, f"{memory.state}{where}: {problem.reason}")
    if _is_unmerged(entry):
        raise Unwritable(entry.path, "git holds it as not merged (`memfs resolve` settles it)")


def _is_unmerged(entry: Entry) -> bool:
    """Return whether git's index alone knows that *entry* is in conflict: of a merge whose driver left no marks.

    Git is asked only in the middle of a merge or the like, which its own files tell.
    """
    root = entry.store.root
    with suppress(MemfsError, OSError, ValueError):
        if (folder := worktree.folder_around(root)) and worktree.underway(folder):
            from memfs.repository import Repository

            repository = Repository.of(root)
            return repository is not None and bool(repository.sides(repository.prefix + entry.memory.path))
    return False


def refuse_bad_channels(values: Mapping[str, Value | None]) -> None:
    """Refuse names of channels that nobody could subscribe to.

    Raises:
        Invalid: There is one among the `channels` of *values*.
    """
    given = values.get("channels") or []
    names = given.split(",") if isinstance(given, str) else given if isinstance(given, list) else []
    for name in names:
        if not (isinstance(name, str) and CHANNEL_NAME.fullmatch(name.strip().casefold())):
            raise Invalid(f"{name!r} is no channel; use a-z, 0-9, '.', _ and -.")


def with_free_name(attempt: Callable[[str], Answer], title: str) -> Answer:
    """Return what *attempt* makes of a new file name for *title*; its random part makes a second try unheard of."""
    for _ in range(4):
        with suppress(Exists):
            return attempt(memories.file_name(title))
    return attempt(memories.file_name(title))

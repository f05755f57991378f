"""The Tantivy index of all stores of the machine: a cache that any doubt throws away and that the files rebuild.

It is opened late, written under one lock (the cache folder itself), for one commit at a time, and
searched only within named stores. Where the cache folder cannot be written the index lives in memory.
"""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

import tantivy
from tantivy import Document
from tantivy import Query as Clause

from memfs.changes import GONE
from memfs.changes import NOTHING
from memfs.changes import Changes
from memfs.changes import Snapshot
from memfs.changes import Stamp
from memfs.changes import diff
from memfs.errors import Busy
from memfs.errors import MemfsError
from memfs.index.asking import Asking
from memfs.index.asking import Snippet as Snippet
from memfs.index.document import document
from memfs.index.folder import IndexBroken as IndexBroken
from memfs.index.folder import IndexFolder
from memfs.index.learned import EMPTY
from memfs.index.learned import Learned as Learned
from memfs.index.learned import Table as Table
from memfs.index.question import Recipe as Recipe
from memfs.index.record import MANY
from memfs.index.record import MOST
from memfs.index.record import Change as Change
from memfs.index.record import News
from memfs.index.record import Record
from memfs.index.record import Told as Told
from memfs.index.record import told
from memfs.memory import Memory
from memfs.memory import derived_id
from memfs.memory import parse
from memfs.memory import unreadable
from memfs.seen import SMALL
from memfs.store import File
from memfs.store import Store

DATED_AT_ONCE = 2_000
"""Documents that are made anew in one commit when git was asked: who saves meanwhile waits for no more of them."""
_UNWRITABLE = ("No space", "Read-only", "Permission denied", "File too large", "Quota")


class Refreshed(NamedTuple):
    """What bringing the index up to date came to.

    Attributes:
        changes: What was brought in.
        pending: How many changed files the index does not have yet.
        note: Why not, for people; empty when all is in.
    """

    changes: Changes = NOTHING
    pending: int = 0
    note: str = ""


class Index(Asking):
    """The index below the cache folder *cache*, of memories in *languages* beside English."""

    def __init__(self, cache: Path, languages: Sequence[str] = ()) -> None:
        super().__init__(IndexFolder(cache, languages))
        self._record = Record(cache)

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self._folder.path

    @property
    def note(self) -> str:
        """Why the index is in memory only, for people; empty when it is in its folder."""
        return self._folder.note

    def abandon(self, reason: str) -> None:
        """Give up the folder for this process, because it broke again right after it was begun anew."""
        self._folder.abandon(reason)

    # ---- keeping up

    def seen(self, store: Store) -> Snapshot:
        """Return the files of *store* as the index has them."""
        self._folder.open()
        return self._folder.unsaved.get(store.key, {}) if self.note else self._folder.seen.of(store.key)

    def edition(self, store: Store) -> tuple[int, bytes] | None:
        """Return what changes when *store* was brought in anew, by whatever process; None when it cannot be told."""
        try:
            self._folder.open()
            return self._folder.generation, b"" if self.note else self._folder.seen.edition(store.key)
        except (OSError, IndexBroken):
            return None

    def refresh(
        self,
        store: Store,
        now: Snapshot,
        *,
        partial: bool = False,
        own: bool = False,
        seconds: float | None = None,
        wait: float = 5.0,
    ) -> Refreshed:
        """Bring the index up to date with *store*, in one commit.

        Args:
            store: Whose files.
            now: Their stamps; `GONE` for a path that is known to have no file.
            partial: *now* names only paths that may have changed, not the whole store.
            own: The caller wrote them itself just now, so that no other write hides behind their stamps.
            seconds: Stop reading files after this long and leave the rest pending.
            wait: How long to wait for another process that writes the index.
        """
        work = dict(now)
        reason = ""
        for _ in range(2):
            try:
                work = self._work(self.seen(store), now, partial=partial)
                if not work:
                    return Refreshed()
                return self._committed(store, now, partial=partial, own=own, seconds=seconds, wait=wait)
            except Busy:
                return Refreshed(pending=len(work), note="another process is writing the index")
            except (OSError, IndexBroken) as error:
                self._give_up(error)
                reason = str(error)
        # broken again as soon as it was begun anew: somebody clears the folder while we work
        self._folder.abandon(reason)
        return self._committed(store, now, partial=partial, own=own, seconds=seconds, wait=wait)

    def rebuild(
        self, store: Store, now: Snapshot, *, wait: float = 5.0, progress: Callable[[int, int], None] | None = None
    ) -> None:
        """Build what the index has of *store* anew, in one commit, until which everybody finds what was there before.

        Args:
            store: Whose files.
            now: The stamps of all of them.
            wait: How long to wait for another process that writes the index.
            progress: Called with the number of files done and to do.

        Raises:
            Busy: Somebody else wrote it all the time.
        """
        try:
            with self._folder.locked(wait):
                if self._folder.path.exists() and not self._folder.is_sound():
                    self._folder.start_anew("a file of the index is damaged")
            self._committed(store, now, anew=True, wait=wait, progress=progress)
        except (OSError, IndexBroken) as error:
            self._give_up(error)
            self._committed(store, now, anew=True, wait=wait, progress=progress)

    def _give_up(self, error: OSError | IndexBroken) -> None:
        """Throw away the index that *error* was met in, or go on in memory where its folder cannot be written."""
        if isinstance(error, OSError):
            self._folder.abandon(os.strerror(error.errno or 0))
        elif any(words in str(error) for words in _UNWRITABLE):
            self._folder.abandon(str(error))
        else:
            self._folder.start_anew(str(error))

    def _work(self, seen: Snapshot, now: Snapshot, *, partial: bool) -> dict[str, Stamp]:
        """Return the paths that differ, with their present stamps."""
        if partial:
            return {path: stamp for path, stamp in now.items() if seen.get(path, GONE) != stamp}
        changes = diff(seen, now)
        work = {path: now[path] for path in (*changes.added, *changes.changed)}
        return work | dict.fromkeys(changes.removed, GONE)

    def _committed(
        self,
        store: Store,
        now: Snapshot,
        *,
        partial: bool = False,
        own: bool = False,
        anew: bool = False,
        seconds: float | None = None,
        wait: float,
        progress: Callable[[int, int], None] | None = None,
    ) -> Refreshed:
        with self._folder.locked(wait):
            seen = {} if anew else self.seen(store)
            work = self._work(seen, now, partial=partial)
            if not work and not anew:
                return Refreshed()
            done = {} if anew else self._settled(store, seen, work)
            again = {} if anew else self._again(store, seen, work)
            before_that, said = self._described(store, seen, work), dict[str, Told]()
            if len(done) < len(work) or anew:
                todo = {path: stamp for path, stamp in work.items() if path not in done} | again
                with self._folder.writer(store.key, len(todo)) as writer:
                    if not seen:
                        writer.delete_documents_by_term("store", store.key)
                    for path, stamp in self._until(todo, seconds, progress):
                        if seen:
                            writer.delete_documents_by_term("key", f"{store.key}:{path}")
                        mine = own and path in work
                        done[path] = stamp if stamp == GONE else self._add(writer, store, path, stamp, said, own=mine)
            before = {path: seen[path] for path in done if path in seen}
            news = {path: stamp for path, stamp in done.items() if anew or before.get(path) != stamp}
            if self.note:
                present = {path: stamp for path, stamp in {**seen, **done}.items() if stamp != GONE}
                self._folder.unsaved[store.key] = present
            else:
                if anew:
                    self._folder.seen.forget(store.key)
                if news or anew:
                    self._folder.seen.add(store.key, news)
                self._folder.seen.seal()
            if seen or own or len(work) <= SMALL:  # a store that is seen for the first time is no news
                asked = {} if anew else {path: done[path] for path in work if path in done}
                self._record.add(store.key, _news(asked, before_that, said), in_memory=bool(self.note))
        self._folder.reload()
        pending = len(work.keys() - done.keys())
        note = "there was no time for all; `memfs reindex` brings in the rest" if pending else ""
        there = {path: stamp for path, stamp in news.items() if stamp != GONE}
        changes = diff({path: before[path] for path in news if path in before}, there)
        return Refreshed(changes, pending, note)

    def _described(self, store: Store, seen: Snapshot, work: Mapping[str, Stamp]) -> dict[str, Told]:
        """Return what those of *work* that the index has said when they were brought in; of very many, of none."""
        known = [path for path in work if path in seen]
        if len(known) > MOST:
            return {}
        searcher = self._folder.open().searcher()
        found = {}
        for path in known:
            key = Clause.term_query(self._schema, "key", f"{store.key}:{path}", "basic")
            for _, address in searcher.search(key, 1, count=False).hits:
                said = searcher.doc(address)
                written = [each for each in map(str, said["id"]) if each != derived_id(path)]
                memory_id = written[0] if written else derived_id(path)
                title, digest = str(said.get_first("title") or ""), str(said.get_first("digest") or "")
                found[path] = told(memory_id, title, digest, tuple(map(str, said["channel"])))
        return found

    def _settled(self, store: Store, seen: Snapshot, work: Mapping[str, Stamp]) -> dict[str, Stamp]:
        """Return those of *work* that were read too soon after they were written, and say what they said then."""
        settled = {}
        for path, stamp in work.items():
            if path in seen and seen[path].ctime_ns <= 0 < stamp.ctime_ns:
                with suppress(MemfsError):
                    file = store.read(path)
                    if file.stamp == stamp and seen[path].unchanged(stamp, zlib.crc32(file.raw)):
                        settled[path] = stamp.settled(time.time_ns(), zlib.crc32(file.raw))
        return settled

    def _again(self, store: Store, seen: Snapshot, work: Mapping[str, Stamp]) -> dict[str, Stamp]:
        """Return what a small commit adds once more: the files of those before it, whose segments then are empty.

        Tantivy merges its segments, the large one too, when there are eight; so they stay few.
        """
        if self.note or len(work) > SMALL:
            return {}
        return {path: seen[path] for path in self._folder.seen.row(store.key) if path in seen and path not in work}

    def _until(
        self, work: Mapping[str, Stamp], seconds: float | None, progress: Callable[[int, int], None] | None
    ) -> Iterator[tuple[str, Stamp]]:
        """Yield the items of *work* until *seconds* are over, but some in any case."""
        deadline = None if seconds is None else time.monotonic() + seconds
        for number, item in enumerate(work.items()):
            if number and number % 64 == 0:
                if progress:
                    progress(number, len(work))
                if deadline and time.monotonic() > deadline:
                    return
            yield item
        if progress:
            progress(len(work), len(work))

    def _add(
        self, writer: tantivy.IndexWriter, store: Store, path: str, stamp: Stamp, said: dict[str, Told], *, own: bool
    ) -> Stamp:
        """Add the file *path* as it is now, and what it says to *said*; returns the stamp under which it was seen."""
        try:
            file = store.read(path)
        except MemfsError as error:
            if store.stamp(path) == GONE:
                return GONE
            file = File(path, b"", stamp, "")
            memory = unreadable(path, str(error))
        else:
            memory = parse(file.raw, path)
            stamp = file.stamp if own else file.stamp.settled(time.time_ns(), zlib.crc32(file.raw))
        made, memory = self._document(store, memory, file)
        writer.add_document(made)
        said[path] = told(memory.id, memory.title, file.digest, memory.channels, memory.session)
        return stamp

    def _document(self, store: Store, memory: Memory, file: File) -> tuple[Document, Memory]:
        """Return the document for *memory*, which *file* says, and what it is of: not all can be indexed."""
        learned = self.learned(store).find(file.path)
        make = partial(document, self._folder.analyzers, store.key, learned=learned and learned.of(file.raw))
        try:
            return Document.from_dict(make(memory, file.stamp, file.digest), self._schema), memory
        except (ValueError, OverflowError):
            memory = unreadable(file.path, "it holds something that cannot be indexed")
            return Document.from_dict(make(memory, file.stamp, file.digest), self._schema), memory

    # ---- what git says

    def learned(self, store: Store) -> Table:
        """Return what git said of the files of *store* when it was asked last."""
        return EMPTY if self.note else self._folder.learned.of(store.key)

    def learn(
        self,
        store: Store,
        said: Mapping[str, Learned],
        ground: str,
        *,
        wait: float = 5.0,
        pause: Callable[[], None] = lambda: None,
    ) -> None:
        """Keep what git *said* of the files of *store*, and date by it the documents of those that say no dates.

        Where the index's folder cannot be written nothing is kept.

        Args:
            store: Whose files.
            said: By path, of every file that git has.
            ground: What it was learned of, for `Table.ground`.
            wait: How long to wait for another process that writes the index.
            pause: Called before each commit, of which there may be many.

        Raises:
            Busy: Somebody else wrote it all the time.
        """
        try:
            self._folder.open()
            before = self.learned(store)
            known = before.find if before.ground else EMPTY.find
            news = [path for path in self.seen(store) if known(path) != said.get(path)]
            if news:  # from here on whatever is brought in goes by it, and should we die, all is dated once more
                self._keep(store, said, "", wait)
            for start in range(0, len(news), DATED_AT_ONCE):
                pause()
                with self._folder.locked(wait):
                    self._date(store, news[start : start + DATED_AT_ONCE])
            self._keep(store, said, ground, wait)
        except (OSError, IndexBroken) as error:
            self._give_up(error)

    def _keep(self, store: Store, said: Mapping[str, Learned], ground: str, wait: float) -> None:
        with self._folder.locked(wait):
            if not self.note:
                self._folder.learned.put(store.key, ground, said)

    def _date(self, store: Store, paths: Sequence[str]) -> None:
        """Make the documents of those of *paths* anew that are as the index has seen them, and say no dates."""
        seen = self.seen(store)
        made = {path: self._undated(store, path, seen[path]) for path in paths if path in seen}
        with self._folder.writer(store.key, len(made)) as writer:
            for path, each in made.items():
                if each is not None:
                    writer.delete_documents_by_term("key", f"{store.key}:{path}")
                    writer.add_document(each)
        if not self.note:
            self._folder.seen.seal()
        self._folder.reload()

    def _undated(self, store: Store, path: str, stamp: Stamp) -> Document | None:
        """Return the document of the file *path*; None if it says when it was written, or is not as it was seen."""
        with suppress(MemfsError):
            file = store.read(path)
            memory = parse(file.raw, path)
            is_seen = file.stamp == stamp or stamp.unchanged(file.stamp, zlib.crc32(file.raw))
            if is_seen and not (memory.created and memory.updated):
                return self._document(store, memory, file)[0]
        return None

    def stores(self) -> list[str]:
        """Return the keys of the stores that the index has seen."""
        return list(self._folder.unsaved) if self.note else self._folder.seen.keys()

    def news(self, cursor: str) -> News:
        """Return what changed, in any store, since *cursor*; an empty one begins now."""
        return self._record.since(cursor)


def _news(
    done: Mapping[str, Stamp], before: Mapping[str, Told], after: Mapping[str, Told]
) -> Iterator[tuple[str, Told | None, Told | None]]:
    """Yield path, before and after of each of *done* that says something else now; of very many, only that."""
    if len(done) > MOST:
        yield MANY
        return
    for path, stamp in done.items():
        old, new = before.get(path), after.get(path)
        gone = old is not None and stamp == GONE
        if gone or (new is not None and (old is None or old.digest != new.digest)):
            yield path, old, new

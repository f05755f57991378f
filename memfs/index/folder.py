"""The index's folder: opened late, locked for one commit at a time, and thrown away at any doubt.

Where it cannot be written the index lives in this process's memory, and says so.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import tantivy

from memfs.changes import Snapshot
from memfs.errors import Busy
from memfs.index.document import SCHEMA_VERSION
from memfs.index.document import analyzers
from memfs.index.document import schema
from memfs.index.learned import Tables
from memfs.index.record import FILE as RECORD
from memfs.locks import locked
from memfs.seen import CONTENTS
from memfs.seen import Seen

NAME = f"index-{SCHEMA_VERSION}-tantivy-0.27"
"""Another schema, another Tantivy or other languages find another folder: two versions side by side do not fight."""
LARGE = 500
"""Files from which on an update is worth the larger heap."""
SMALL_HEAP, LARGE_HEAP = 15_000_000, 60_000_000
"""Bytes for the writer's one thread, the least that Tantivy takes, and what saves merges in a rebuild."""

WRITING = "writing.lock"
"""Lies in the folder while a writer is at work: one that is found there was left by a process that died of it."""
SEGMENT_FILES = (".fast", ".fieldnorm", ".idx", ".pos", ".store", ".term", ".del")

Answer = TypeVar("Answer")
_NOTHING = (0, 0, 0)


class IndexBroken(Exception):
    """Tantivy failed or panicked, or the files are not as they were left."""


class IndexFolder:
    """The index below the cache folder *cache*, of memories in *languages* beside English.

    Attributes:
        path: The folder.
        note: Why the index is in memory only, for people; empty when it is in its folder.
        generation: Changes when the index was begun anew, so that every store has to be brought in again.
        seen: What the index has of each store, beside it.
        learned: What git said of each store's files, beside it.
        unsaved: The same, for an index in memory.
    """

    def __init__(self, cache: Path, languages: Sequence[str] = ()) -> None:
        self.path = cache / "-".join((NAME, *languages))
        self.note = ""
        self.generation = 0
        self.seen = Seen(self.path)
        self.learned = Tables(self.path)
        self.unsaved: dict[str, Snapshot] = {}
        self.schema = schema()
        self.analyzers = analyzers(languages)
        self._tantivy: tantivy.Index | None = None
        self._contents = _NOTHING
        self._commits = 0
        self._holds_lock = False

    def open(self) -> tantivy.Index:
        """Return the index, opened, of the last commit, and whole; makes an empty one where there is none."""
        if self.note:
            return self._made_in_memory()
        contents = self._contents_now()
        if self._tantivy is not None and contents == self._contents != _NOTHING:
            return self._tantivy
        try:
            if not self.seen.sealed():
                with self.locked(2.0):
                    if not self.seen.sealed():
                        self.set_aside()
            return self._load()
        except Busy:
            # somebody is rebuilding it: what is there so far is better than nothing
            return self._tantivy if self._tantivy is not None else self._load()
        except OSError as error:
            self.abandon(os.strerror(error.errno or 0))
            return self._made_in_memory()

    @property
    def contents(self) -> tuple[int, int, int]:
        """What changes with each commit."""
        return (self.generation, self._commits, 0) if self.note else self._contents_now()

    def _contents_now(self) -> tuple[int, int, int]:
        """Return what changes with each commit, and when another folder takes this one's place."""
        try:
            about = (self.path / CONTENTS).stat()
            return about.st_mtime_ns, about.st_ino, self.path.stat().st_ino
        except OSError:
            return _NOTHING

    def _load(self) -> tantivy.Index:
        contents = self._contents_now()
        with tantivy_calls():
            if self._tantivy is None or contents[2] != self._contents[2]:
                self._tantivy = tantivy.Index(self.schema, path=str(self.path))
                self._register(self._tantivy)
                self._tantivy.config_reader("manual")
            self._tantivy.reload()
        self._contents = contents
        return self._tantivy

    def reload(self) -> None:
        """Have the next question see the last commit."""
        if self.note:
            self._commits += 1
            with tantivy_calls():
                self._made_in_memory().reload()
        else:
            self._contents = (0, 0, self._contents[2])
            self.open()

    def _register(self, index: tantivy.Index) -> None:
        index.register_tokenizer("memfs_stem", self.analyzers.stems)
        index.register_tokenizer("memfs_ng", self.analyzers.grams)

    def set_aside(self) -> None:
        """Throw the index folder away and begin an empty one."""
        import shutil

        with self.locked(5.0):
            self._tantivy = None
            self.seen = Seen(self.path)
            self.generation += 1
            aside = self.path.with_name(f"{self.path.name}-aside-{os.urandom(4).hex()}")
            # what is brought in anew is no news, and what was told before has lost its end
            (self.path.parent / RECORD).unlink(missing_ok=True)
            if self.path.exists():
                self.path.rename(aside)
                shutil.rmtree(aside, ignore_errors=True)
            self.path.mkdir(parents=True)
            with tantivy_calls():
                self._register(tantivy.Index(self.schema, path=str(self.path)))
            self.seen.seal()

    def is_sound(self) -> bool:
        """Return whether each file of the index has the checksum that Tantivy ended it with; reads all of them.

        Tantivy does not look; a merge that meets other bytes than it wrote may end the process.
        """
        files = (path for path in self.path.iterdir() if path.suffix in SEGMENT_FILES)
        return self.note != "" or all(map(_is_sound, files))

    def abandon(self, reason: str) -> None:
        """Give up the folder for this process: *reason* says why it cannot be written."""
        self.note = f"the index is in memory only: {self.path.parent} cannot be used ({reason})"
        self._tantivy = None
        self.unsaved = {}
        self.generation += 1

    def _made_in_memory(self) -> tantivy.Index:
        if self._tantivy is None:
            self._tantivy = tantivy.Index(self.schema)
            self._register(self._tantivy)
        return self._tantivy

    @contextmanager
    def locked(self, wait: float) -> Iterator[None]:
        """Hold the one lock for writing the index: the cache folder's own, which no one can leave behind."""
        if self.note or self._holds_lock:
            yield
            return
        with locked(self.path.parent, wait):
            self._holds_lock = True
            try:
                yield
            finally:
                self._holds_lock = False

    @contextmanager
    def writer(self, key: str, files: int) -> Iterator[tantivy.IndexWriter]:
        """Give a writer for *files* files of the store *key*.

        It commits and waits for its merges when the block ends well, and else changes nothing.

        Raises:
            IndexBroken: Tantivy failed, or what the last writer died of is still there.
        """
        mark = self.path / WRITING
        with tantivy_calls():
            index = self.open()
            if not self.note:
                if (mark.exists() or self.seen.torn(key)) and not self.is_sound():
                    raise IndexBroken("a file of the index is damaged")
                mark.touch()
            writer = index.writer(LARGE_HEAP if files > LARGE else SMALL_HEAP, 1)
        with tantivy_calls():
            yield writer
            writer.commit()
            writer.wait_merging_threads()
            if not self.note:
                mark.unlink(missing_ok=True)

    def guarded(self, ask: Callable[[tantivy.Searcher], Answer]) -> Answer:
        """Return what *ask* asks the last commit; where Tantivy fails the index is thrown away.

        Raises:
            IndexBroken: It was thrown away just now, and the caller fills a new one.
        """
        try:
            with tantivy_calls():
                return ask(self.open().searcher())
        except IndexBroken as error:
            self.start_anew(str(error))
            raise

    def start_anew(self, reason: str) -> None:
        """Throw the folder's index away; where that is not to be had, go on in memory."""
        if self.note:
            self.abandon(reason)
            return
        try:
            self.set_aside()
        except (Busy, OSError, IndexBroken) as error:
            self.abandon(f"{reason}; {error}")


def _is_sound(path: Path) -> bool:
    """Return whether the body of a file of Tantivy's has the checksum in its footer: JSON, its length, a mark."""
    raw = path.read_bytes()
    body = len(raw) - 8 - int.from_bytes(raw[-8:-4], "little")
    try:
        said: object = json.loads(raw[body:-8])["crc"]
    except (ValueError, TypeError, KeyError):
        return False
    return said == zlib.crc32(raw[:body])


@contextmanager
def tantivy_calls() -> Iterator[None]:
    """Turn what Tantivy raises, a panic of its Rust included, into `IndexBroken`."""
    try:
        yield
    except ValueError as error:
        raise IndexBroken(str(error)) from error
    except BaseException as error:
        if type(error).__name__ == "PanicException":
            raise IndexBroken("Tantivy panicked") from error
        raise

"""The vectors of passages, by the digest of the memory that they are of: a cache in one file, which only grows.

First a line that names the embedder, then what it learned, then records of one size. A file that is
torn, or another's, is made anew; so is one of which most is of no use any more.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from memfs.locks import locked
from memfs.locks import put

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memfs.semantic.embedder import Embedder
    from memfs.semantic.embedder import Rows

FORMAT = 1
HEAD_BYTES = 4_096
"""More than the first line takes."""
_NOT_UNIT = 0.01
"""How far the length of a row may be from 1: half precision is nearer."""


class Vectors:
    """The vectors that *embedder* made, in a file below the folder *cache*; read anew by `read`.

    Attributes:
        embedder: The one whose knowledge goes with the vectors that are there.
        label: What changes when they go by something else than before; empty while there are none.
        learned_from: How many memories there were when it learned, of some of them; 0: it did not yet.
    """

    def __init__(self, cache: Path, embedder: Embedder) -> None:
        self._folder = cache / "vectors"
        self._path = self._folder / f"{embedder.name}.{FORMAT}"
        self._record = np.dtype(
            [("digest", "V32"), ("part", "<u2"), ("parts", "<u2"), ("row", "<f2", embedder.dimensions)]
        )
        self._untaught = embedder
        self._alone = False
        self._forget()

    def _forget(self) -> None:
        self.embedder = self._untaught
        self.learned_from = 0
        self.label = b""
        self._size = 0
        self._read = 0, 0
        self._rows: Rows | NDArray[np.float16] = np.zeros((0, self._untaught.dimensions), np.float16)
        self._places: dict[str, tuple[int, int]] = {}

    @property
    def edition(self) -> tuple[bytes, int]:
        """What changes when there are other vectors."""
        return self.label, len(self._rows)

    def __len__(self) -> int:
        """Return of how many memories there are vectors."""
        return len(self._places)

    def __contains__(self, digest: str) -> bool:
        """Return whether there are vectors of the memory whose file has *digest*."""
        return digest in self._places

    def read(self) -> None:
        """Take in what was written since the last call, by whatever process."""
        if self._alone:
            return
        try:
            with self._path.open("rb") as file:
                about = os.fstat(file.fileno())
                if (about.st_ino, about.st_size) == self._read:
                    return
                first = file.readline(HEAD_BYTES)
                if first != self.label or about.st_size < self._size:
                    self._begin(first, file.read(int(json.loads(first)["knowledge"])))
                file.seek(self._size)
                self._take(file.read(about.st_size - self._size))
                self._read = about.st_ino, about.st_size
        except FileNotFoundError:
            self._forget()
        except (OSError, ValueError, KeyError, TypeError):
            self._forget()
            with suppress(OSError):
                self._path.unlink()

    def _begin(self, first: bytes, knowledge: bytes) -> None:
        said = json.loads(first)
        if said["name"] != self._untaught.name or len(knowledge) != said["knowledge"]:
            raise ValueError(self._path)
        self._forget()
        self.embedder = self._untaught.knowing(knowledge) if knowledge else self._untaught
        self.learned_from = int(said["of"])
        self.label = first
        self._size = len(first) + len(knowledge)

    def _take(self, raw: bytes) -> None:
        """Take in the whole memories that *raw* begins with: the last may not be all there yet."""
        news = np.frombuffer(raw, self._record, len(raw) // self._record.itemsize)
        lengths = np.linalg.norm(news["row"].astype(np.float32), axis=1)
        firsts = np.flatnonzero(news["part"] == 0)
        parts = news["parts"][firsts].astype(np.int64)
        is_unit = np.all((np.abs(lengths - 1) < _NOT_UNIT) | (lengths == 0))
        if not is_unit or not np.array_equal(firsts, np.cumsum(parts) - parts) or (len(news) and not len(firsts)):
            raise ValueError(self._path)
        base = len(self._rows)
        if len(firsts) and firsts[-1] + parts[-1] > len(news):
            firsts, parts, news = firsts[:-1], parts[:-1], news[: firsts[-1]]
        for first, count in zip(firsts.tolist(), parts.tolist(), strict=True):
            self._places[news["digest"][first].tobytes().hex()] = (base + first, count)
        self._rows = np.concatenate([self._rows, news["row"]])
        self._size += len(news) * self._record.itemsize

    def add(self, made: Mapping[str, Rows], label: bytes) -> None:
        """Keep the vectors *made*, by digest; in this process alone where the file cannot be written.

        *label* is as it was then; if it is another one now, they go by something else, and are let go.

        Raises:
            Busy: Another process is writing them.
        """
        records = [self._records(digest, rows) for digest, rows in made.items()]
        raw = b"".join(record.tobytes() for record in records)
        try:
            with locked(self._folder):
                self.read()
                if self.label != label:
                    return
                if not self.label:
                    self._write_anew(self.embedder, self.learned_from, b"")
                with self._path.open("r+b") as file:
                    file.truncate(self._size)
                    file.seek(self._size)
                    file.write(raw)
                self.read()
        except OSError:
            self._alone = True
            self._take(raw)

    def _records(self, digest: str, rows: Rows) -> NDArray[np.void]:
        records = np.zeros(len(rows), self._record)
        records["digest"] = np.void(bytes.fromhex(digest))
        records["part"] = np.arange(len(rows))
        records["parts"] = len(rows)
        records["row"] = rows
        return records

    def begin(self, embedder: Embedder, of: int) -> None:
        """Begin anew with what *embedder* learned of *of* memories: vectors that went by something else are gone.

        Raises:
            Busy: Another process is writing them.
        """
        try:
            with locked(self._folder):
                self._write_anew(embedder, of, b"")
        except OSError:
            self._alone = True
            self._forget()
            self.embedder, self.learned_from = embedder, of

    def keep(self, digests: AbstractSet[str]) -> None:
        """Throw away the vectors of all memories but those with *digests*.

        Raises:
            Busy: Another process is writing them.
        """
        with suppress(OSError), locked(self._folder):
            self.read()
            kept = [
                self._records(digest, self._rows[first : first + count].astype(np.float32)).tobytes()
                for digest, (first, count) in self._places.items()
                if digest in digests
            ]
            self._write_anew(self.embedder, self.learned_from, b"".join(kept))

    def _write_anew(self, embedder: Embedder, of: int, records: bytes) -> None:
        # a label of its own tells readers a file made anew from one that grew
        said = {"name": embedder.name, "of": of, "knowledge": len(embedder.knowledge), "label": os.urandom(6).hex()}
        put(self._path, json.dumps(said).encode() + b"\n" + embedder.knowledge + records)
        self.read()

    def of(self, digests: Iterable[str]) -> Passages:
        """Return the vectors of the memories with *digests*, as far as there are any."""
        there = [digest for digest in digests if digest in self._places]
        places = np.array([self._places[digest] for digest in there], np.int64).reshape(-1, 2)
        firsts, counts = places[:, 0], places[:, 1]
        starts = np.cumsum(counts) - counts
        numbers = np.repeat(firsts - starts, counts) + np.arange(counts.sum())
        return Passages(there, self._rows[numbers].astype(np.float32), starts)


class Passages:
    """The vectors of some memories' passages.

    Args:
        digests: Of the memories' files.
        rows: Those of one memory after those of another, in that order.
        starts: Where those of each memory begin.
    """

    def __init__(self, digests: Sequence[str], rows: Rows, starts: NDArray[np.int64]) -> None:
        self._digests = digests
        self._numbers = {digest: number for number, digest in enumerate(digests)}
        self._rows = rows
        self._starts = starts

    def near(self, text: str, embedder: Embedder) -> Nearness:
        """Return how near each memory is to *text*: the cosine of its nearest passage."""
        cosines = np.zeros(0, np.float32)
        if self._digests:
            cosines = np.maximum.reduceat(self._rows @ embedder.embed([text])[0], self._starts)
        return Nearness(self._digests, self._numbers, cosines, embedder.floor)


class Nearness:
    """How near memories, known by the digests of their files, are to a question."""

    def __init__(self, digests: Sequence[str], numbers: Mapping[str, int], cosines: Rows, floor: float) -> None:
        self._digests = digests
        self._numbers = numbers
        self._cosines = cosines
        self._floor = floor

    def of(self, digest: str) -> float | None:
        """Return it for one of them, 0 to 1; None when there are no vectors of it."""
        number = self._numbers.get(digest)
        return None if number is None else min(max(float(self._cosines[number]), 0.0), 1.0)

    def nearest(self, most: int, allowed: Iterable[str] | None) -> list[str]:
        """Return at most *most* that are near at all, the nearest first; only of those *allowed*, unless None."""
        numbers = np.arange(len(self._digests))
        if allowed is not None:
            numbers = np.array([self._numbers[each] for each in allowed if each in self._numbers], np.int64)
        if most < len(numbers):
            numbers = numbers[np.argpartition(-self._cosines[numbers], most)[:most]]
        ordered = numbers[np.argsort(-self._cosines[numbers], kind="stable")]
        return [self._digests[number] for number in ordered if self._cosines[number] > self._floor]

"""Machines of a benchmark's own, below a temporary folder: a workspace with memories, and processes on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from unittest import mock

from benchmarks import corpus
from benchmarks.rows import say
from memfs.scanning import Scan
from memfs.store import Store
from memfs.workspace import Workspace

GOAL_MEMORIES = 10_000
"""What the goals are for."""
FEW = 1_000
"""Memories in the smaller of two workspaces."""
SETTLED_SECONDS = 0.05
"""After which a file's stamp tells its content (see `memfs.changes.TICK_NS`)."""
PATIENT = b"[limits]\nsearch_refresh_seconds = 600\n"
"""Settings of a machine on which a search brings in, and understands, whatever is new before it answers."""
HIDDEN = ("MEMFS_", "WORKSPACE_MODE", "CLAUDE_PROJECT_DIR", "PYTHONDONTWRITEBYTECODE")
"""Beginnings of what the processes must not inherit: settings, and what would have each of them compile memfs anew."""


@dataclass(slots=True)
class World:
    """A machine of its own with one workspace.

    Attributes:
        folder: Below it is everything.
        notes: What the workspace remembers.
        text: Bytes of all titles and bodies.
    """

    folder: Path
    notes: Sequence[corpus.Note]
    text: int = 0
    environ: dict[str, str] = field(default_factory=dict)

    @classmethod
    def make(cls, folder: Path, count: int) -> World:
        """Return a new one in *folder* with *count* memories, not indexed yet."""
        notes = list(corpus.notes(count))
        written = corpus.write(folder / "project" / ".memory", notes)
        own = {name: str(folder / name[6:].lower()) for name in ("MEMFS_HOME", "MEMFS_CACHE", "MEMFS_STATE")}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(HIDDEN)}
        own["MEMFS_SEMANTIC"] = os.environ.get("MEMFS_SEMANTIC", "false")  # what the extra costs is to be asked for
        time.sleep(SETTLED_SECONDS)
        return cls(folder, notes, written.text_bytes, {**inherited, **own, "HOME": str(folder)})

    @property
    def project(self) -> Path:
        """The workspace."""
        return self.folder / "project"

    def open(self) -> Workspace:
        """Return the workspace, opened."""
        return Workspace.open(self.project, environ=self.environ)

    def store(self) -> Path:
        """Return the folder of the memories."""
        return self.project / ".memory"

    def build(self) -> dict[str, float]:
        """Index everything from nothing in a process of its own; returns what `benchmarks.once` says."""
        with tempfile.TemporaryDirectory(dir=self.folder) as cache:
            self.environ["MEMFS_CACHE"] = str(Path(cache, "cache"))
            return self._once()

    def build_to_stay(self) -> None:
        """Index everything, for the measurements that begin with an index."""
        self.environ["MEMFS_CACHE"] = str(self.folder / "cache")
        self._once()

    def _once(self) -> dict[str, float]:
        command = [sys.executable, "-m", "benchmarks.once", str(self.project)]
        root = Path(__file__).resolve().parent.parent
        done = subprocess.run(command, cwd=root, env=self.environ, check=True, stdout=subprocess.PIPE)
        took: dict[str, float] = json.loads(done.stdout)
        return took

    def process(self, *arguments: str) -> float | None:
        """Return how long a fresh Python with *arguments* takes, None when it fails."""
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.project,
            env=self.environ,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )
        took = time.perf_counter() - start
        return took if done.returncode == 0 else None


@contextmanager
def worlds(count: int) -> Iterator[tuple[World, World]]:
    """Give a workspace with *count* memories and one with a few, for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="memfs-bench-") as folder, mock.patch.dict(os.environ):
        for name in [name for name in os.environ if name.startswith(HIDDEN)]:
            del os.environ[name]
        say(f"writing {count:,} memories")
        large = World.make(Path(folder, "large"), count)
        yield large, World.make(Path(folder, "small"), FEW) if count > FEW else large


class Quiet:
    """Hints of one who watches and has seen nothing change."""

    def take(self, store: Store, since: float | None = None) -> frozenset[str]:  # noqa: ARG002
        """Return that nothing changed."""
        return frozenset()

    def scanned(self, store: Store, scan: Scan, seconds: float) -> None:
        """Take no note of it."""


@contextmanager
def opened(
    files: Mapping[str, bytes], everywhere: Mapping[str, bytes] | None = None, *, semantic: bool = False
) -> Iterator[Workspace]:
    """Give a workspace on a machine of its own, warm: *files*, bytes by path, are indexed, and told not to change.

    Args:
        files: Its memories.
        everywhere: Memories that all projects share; it sees them, too, in the mode `hybrid`.
        semantic: They have vectors, too.

    Raises:
        RuntimeError: Not all of it can be searched.
    """
    with tempfile.TemporaryDirectory(prefix="memfs-bench-") as folder:
        own = {name: str(Path(folder, name)) for name in ("MEMFS_HOME", "MEMFS_CACHE", "MEMFS_STATE", "HOME")}
        files = {f"project/.memory/{path}": raw for path, raw in files.items()}
        files |= {f"MEMFS_HOME/global/{path}": raw for path, raw in (everywhere or {}).items()}
        files["MEMFS_HOME/config.toml"] = b'mode = "hybrid"\n' * bool(everywhere) + PATIENT
        for path, raw in files.items():
            Path(folder, path).parent.mkdir(parents=True, exist_ok=True)
            Path(folder, path).write_bytes(raw)
        time.sleep(SETTLED_SECONDS)
        workspace = Workspace.open(Path(folder, "project"), environ=own)
        if notes := workspace.search("", semantic=semantic).notes:
            raise RuntimeError(notes)
        workspace.hints = Quiet()
        yield workspace

"""What a large shared repository costs a new machine: cloned whole, shallow, partly, and with few of its folders.

python -m benchmarks.large [--memories 20000] [--json]

The remote is a bare repository in a temporary folder, reached by git's own protocol (file://), as a server would be:
a line adds its time for the bytes. Each memory was written once and changed once, and lies in one of `FOLDERS`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from pathlib import Path

from benchmarks import corpus
from benchmarks.rows import UNITS
from benchmarks.rows import machine
from benchmarks.rows import say
from benchmarks.table import aligned
from benchmarks.worlds import HIDDEN

MEMORIES, FOLDERS, AT_ONCE = 20_000, 20, 100
"""How many there are, in how many folders, and how many each commit adds or changes."""
GROUP = "team"
FEW = "topic-00"
"""The folder that the sparse clone has."""
WAYS = (
    ("full", ("clone",), False),
    ("shallow", ("clone", "--depth", "1"), False),
    ("partial", ("clone", "--filter=blob:none"), False),
    ("partial, sparse", ("clone", "--filter=blob:none", "--sparse"), True),
)
"""Name, the words of the git command, and whether it has but few folders."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one way to clone came to, in seconds and MB as they lie on the disk."""

    way: str
    clone: float
    index: float
    sync: float
    history: float
    files: float
    memories: int


def costs(folder: Path, count: int) -> Iterator[Cost]:
    """Yield what each of `WAYS` costs with *count* memories; everything is below *folder*."""
    remote = folder / "remote.git"
    say(f"writing {count:,} memories, and each of them once more")
    run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(remote)], folder)
    for allowed in ("allowFilter", "allowAnySHA1InWant"):
        run(["git", "config", f"uploadpack.{allowed}", "true"], remote)
    feed = b"".join(written(list(corpus.notes(count))))
    subprocess.run(["git", "fast-import", "--quiet"], cwd=remote, input=feed, check=True)  # noqa: S607
    run(["git", "gc", "--quiet"], remote)
    for number, (way, command, is_sparse) in enumerate(WAYS):
        yield cost(folder / str(number), f"file://{remote}", way, command, is_sparse=is_sparse)


def written(notes: Sequence[corpus.Note]) -> Iterator[bytes]:
    """Yield what git-fast-import(1) reads: *notes*, `AT_ONCE` in a commit, then all of them with one more line."""
    for more in (b"", b"\nStill true.\n"):
        for start in range(0, len(notes), AT_ONCE):
            yield b"commit refs/heads/main\ncommitter t <t@example.org> %d +0000\ndata 1\n.\n" % (1_700_000_000 + start)
            for number in range(start, min(start + AT_ONCE, len(notes))):
                raw = notes[number].raw() + more
                name = f"topic-{number % FOLDERS:02}/{notes[number].file_name}"
                yield f'M 100644 inline "{name}"\ndata {len(raw)}\n'.encode() + raw + b"\n"


def cost(home: Path, remote: str, way: str, command: Sequence[str], *, is_sparse: bool) -> Cost:
    """Return what the git command *command* and its first use cost on a machine of its own, below *home*."""
    say(way)
    environ = {name: value for name, value in os.environ.items() if not name.startswith(HIDDEN)}
    environ |= {name: str(home / name[6:].lower()) for name in ("MEMFS_HOME", "MEMFS_CACHE", "MEMFS_STATE")}
    environ |= {"HOME": str(home), "MEMFS_MODE": "hybrid"}
    project, store = home / "project", home / "home" / "groups" / GROUP
    for each in (project, store.parent):
        each.mkdir(parents=True)

    def memfs(*words: str) -> float:
        return run([sys.executable, "-m", "memfs", *words], project, environ)

    cloned = run(["git", *command, "--quiet", remote, str(store)], home, environ)
    if is_sparse:
        cloned += run(["git", "sparse-checkout", "set", FEW], store, environ)
    memfs("group", "create", GROUP, "--remote", remote)
    memfs("group", "add", GROUP)
    indexed = memfs("reindex")
    memfs("save", f"Cloned as {way}.", "--scope", f"group:{GROUP}")
    synced = memfs("sync", "--group", GROUP)
    files = [path for path in store.rglob("*") if path.is_file() and ".git" not in path.relative_to(store).parts]
    return Cost(way, cloned, indexed, synced, on_disk((store / ".git").rglob("*")), on_disk(files), len(files))


def run(command: Sequence[str], folder: Path, environ: dict[str, str] | None = None) -> float:
    """Return how many seconds *command* took in *folder*; fails when it fails."""
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, env=environ, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def on_disk(files: Iterator[Path] | Sequence[Path]) -> float:
    """Return what *files* take on the disk, in MB."""
    return sum(file.stat().st_blocks for file in files) * 512 / UNITS["MB"]


def main() -> None:
    """Measure what the command line asks for, and print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.large", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--memories", type=int, default=MEMORIES, help=f"how many (default {MEMORIES:,})")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="memfs-bench-") as folder:
        found = list(costs(Path(folder), options.memories))
    if options.json:
        print(json.dumps([asdict(each) for each in found]))
        return
    head = ("clone", "seconds", ".git MB", "files MB", "files", "index s", "sync s")
    rows = [
        (each.way, f"{each.clone:.1f}", f"{each.history:.0f}", f"{each.files:.0f}", f"{each.memories:,}",
         f"{each.index:.1f}", f"{each.sync:.1f}")
        for each in found
    ]  # fmt: skip
    print(machine())
    print(aligned([head, *rows], right=range(1, len(head))))


if __name__ == "__main__":
    main()

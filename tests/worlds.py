"""What tests stand on: a machine of their own below a temporary folder, processes on it, and waits that end."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

import pytest

from memfs import config as configuration
from memfs import trust
from memfs.config import Config
from memfs.workspace import Workspace

ROOT = Path(__file__).resolve().parent.parent
"""The checkout."""
DEADLINE_SECONDS = 60.0
"""After which a test gives up waiting; no test is about how long something takes."""
SOAK_SECONDS = float(os.environ.get("MEMFS_SOAK_SECONDS", "60"))
"""How long each test marked `soak` goes on."""

FAILING_CALLS = """
import ctypes, errno, os, platform, struct
CALLS = {
    "x86_64": {"fsync": 74, "flock": 73, "linkat": 265},
    "aarch64": {"fsync": 82, "flock": 32, "linkat": 37},
}
def fail(call, number):
    # a filter of the kernel's: that one call returns an error, every other one goes on (linux/filter.h, seccomp(2))
    call = CALLS[platform.machine()][call]
    steps = [(0x20, 0, 0, 0), (0x15, 0, 1, call), (6, 0, 0, 0x50000 | number), (6, 0, 0, 0x7FFF0000)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(struct.pack("H6xQ", len(steps), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, program, 0, 0):
        raise OSError(ctypes.get_errno(), "no filter to be had")
"""
"""The beginning of a script that then calls, for example, `fail("fsync", errno.EIO)`."""


@dataclass(frozen=True, slots=True)
class World:
    """A machine of a test's own: the folders of memfs, and an environment that leads to them and nowhere else.

    Attributes:
        root: Everything lies below it.
        extra: Environment variables beside those that every world has.
    """

    root: Path
    extra: Mapping[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        """Return $MEMFS_HOME: config.toml, the global store, the groups."""
        return self.root / "memory"

    @property
    def cache(self) -> Path:
        """Return $MEMFS_CACHE, where the index lies."""
        return self.root / "cache"

    @property
    def state(self) -> Path:
        """Return $MEMFS_STATE, where trust and the undo journal lie."""
        return self.root / "state"

    @property
    def environ(self) -> dict[str, str]:
        """Return the environment, whole: for `Workspace.open` and for child processes."""
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "PYTHONPATH": str(ROOT),
            "HOME": str(self.root / "home"),
            "MEMFS_HOME": str(self.home),
            "MEMFS_CACHE": str(self.cache),
            "MEMFS_STATE": str(self.state),
            "MEMFS_SEMANTIC": "false",  # what is found by its words is the same wherever the tests run
            **self.extra,
        }

    def config(self, text: str = "", *, mode: str | None = None) -> Config:
        """Return the settings; *text*, if any, becomes config.toml first."""
        if text:
            self.home.mkdir(parents=True, exist_ok=True)
            (self.home / "config.toml").write_text(text)
        return configuration.load(self.environ, mode)

    def folder(self, name: str = "project") -> Path:
        """Return the workspace *name* (made if there is none): a folder with an empty store, trusted by nobody."""
        folder = self.root / name
        (folder / ".memory").mkdir(parents=True, exist_ok=True)
        return folder

    def trusted(self, name: str = "project") -> Path:
        """Return the workspace *name* as `folder` does, trusted by the user."""
        trust.set_trusted(self.state, self.folder(name), trusted=True)
        return self.folder(name)

    def open(self, folder: Path | None = None, *, mode: str | None = None) -> Workspace:
        """Return the workspace of *folder*, default the one called `project`."""
        return Workspace.open(folder or self.folder(), mode=mode, environ=self.environ)

    def start(self, script: str, *arguments: object, through: Sequence[str] = ()) -> subprocess.Popen[str]:
        """Start a Python process that runs *script* on this machine; what it prints can be read line by line.

        Args:
            script: Its text; `sys.argv[1:]` are *arguments*.
            arguments: Anything that `str` takes.
            through: A command that runs the command after it, such as `without_powers()`.
        """
        return subprocess.Popen(
            [*through, sys.executable, "-c", script, *map(str, arguments)],
            env=self.environ,
            cwd=self.root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, script: str, *arguments: object, through: Sequence[str] = ()) -> str:
        """Return what the Python process that runs *script* prints; fails when it does."""
        return finished([self.start(script, *arguments, through=through)])[0]


def new_world(root: Path, **extra: str) -> World:
    """Return a new machine below the folder *root*, with an empty home."""
    world = World(root, extra)
    (root / "home").mkdir(parents=True, exist_ok=True)
    return world


def finished(processes: Sequence[subprocess.Popen[str]]) -> list[str]:
    """Return what each of *processes* printed until it ended by itself; fails when one of them failed or hangs."""
    outputs = []
    try:
        for process in processes:
            output, errors = process.communicate(timeout=2 * DEADLINE_SECONDS)
            assert process.returncode == 0, f"exit {process.returncode}\n{output}{errors}"
            outputs.append(output)
    finally:
        for process in processes:
            stopped(process)
    return outputs


def stopped(process: subprocess.Popen[str]) -> str:
    """Kill *process*, if it still runs, as a power cut would; return what it had printed that nobody read yet."""
    process.kill()
    if any(stream and not stream.closed for stream in (process.stdout, process.stderr)):
        output, _ = process.communicate()
        return output or ""
    process.wait()
    return ""


def can_fail_calls() -> None:
    """Skip the test where `FAILING_CALLS` does not work."""
    if not sys.platform.startswith("linux") or platform.machine() not in ("x86_64", "aarch64"):
        pytest.skip("system calls are made to fail on Linux alone")
    probe = f"{FAILING_CALLS}\nfail('linkat', errno.EPERM)"
    if subprocess.run([sys.executable, "-c", probe], capture_output=True, check=False).returncode:
        pytest.skip("this kernel offers no filter for system calls")


def rounds(number: int) -> Iterator[int]:
    """Yield 0, 1, … *number* - 1, but none when `SOAK_SECONDS` are over."""
    deadline = time.monotonic() + SOAK_SECONDS
    for each in range(number):
        if time.monotonic() > deadline:
            return
        yield each


def touched(path: Path) -> tuple[int, ...]:
    """Return what changes whenever *path*, itself if it is a link, is written; not what reading it changes."""
    about = path.lstat()
    return about.st_ino, about.st_mode, about.st_size, about.st_mtime_ns, about.st_ctime_ns


def within_deadline(holds: Callable[[], object], seconds: float = DEADLINE_SECONDS) -> bool:
    """Return whether *holds* came true before *seconds* were over; asks again and again."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def without_powers() -> Sequence[str]:
    """Return what to start a process through, so that permissions hold for it even when root runs the tests."""
    if os.geteuid() != 0:
        return ()
    if not shutil.which("setpriv"):
        pytest.skip("root needs setpriv to be held by permissions")
    return ("setpriv", "--bounding-set=-all", "--inh-caps=-all")


def with_small_disk(folder: Path, size: str) -> Sequence[str]:
    """Return what to start a process through, so that *folder* is for it alone a file system of *size*, such as 3m."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = f'mount -t tmpfs -o size={size} tmpfs "$0" && exec "$@"'
    through = ("unshare", "--map-root-user", "--mount", "sh", "-c", mount, str(folder))
    if not shutil.which("unshare") or subprocess.run([*through, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this account may not mount a file system of its own")
    return through


def other_file_system(near: Path) -> Path:
    """Return a folder on another file system than the one of *near*."""
    for folder in map(Path, ("/dev/shm", "/run/user/" + str(os.getuid()), "/tmp", "/var/tmp")):
        if os.access(folder, os.W_OK) and folder.stat().st_dev != near.stat().st_dev:
            return folder
    return pytest.skip("there is only one file system")


def files_below(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every regular file below *folder*, hidden ones too, by relative path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }

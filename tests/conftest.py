"""What holds for every test: a machine of its own, no settings of the person who runs it, no thread left behind."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.worlds import World
from tests.worlds import new_world
from tests.worlds import other_file_system
from tests.worlds import within_deadline

settings.register_profile("memfs", deadline=None)  # no test is about how long something takes
settings.load_profile("memfs")

OURS = ("MEMFS_", "WORKSPACE_MODE", "CLAUDE_PROJECT_DIR")
TEST_SETTINGS = ("MEMFS_SOAK_SECONDS",)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Measure no coverage of what hypothesis repeats by the hundred: it would take half as long again."""
    for item in items:
        if getattr(getattr(item, "function", None), "is_hypothesis_test", False):
            item.add_marker("no_cover")


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c_is_heard() -> None:
    """Have what the tests start end at SIGINT, even if a shell runs them in the background, where it is ignored."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _nobodys_settings() -> Iterator[None]:
    """Hide from the tests what the person who runs them has set for memfs."""
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith(OURS) and name not in TEST_SETTINGS:
                patch.delenv(name)
        yield


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    """Fail a test that leaves a thread running."""
    before = set(threading.enumerate())
    yield
    assert within_deadline(lambda: not set(threading.enumerate()) - before, 10), (
        f"left running: {set(threading.enumerate()) - before}"
    )


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a machine of the test's own, on which memfs was never used."""
    return new_world(tmp_path)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """Return an empty folder on another file system than the test's own, so that no rename leads there."""
    folder = Path(tempfile.mkdtemp(prefix="memfs-test-", dir=other_file_system(tmp_path)))
    yield folder
    shutil.rmtree(folder)

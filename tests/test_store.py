"""The store: a folder of memories, walked without links and written under one lock."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextlib import suppress
from functools import partial
from functools import partialmethod
from pathlib import Path

import pytest

from memfs.changes import GONE
from memfs.errors import Busy
from memfs.errors import Changed
from memfs.errors import Exists
from memfs.errors import Invalid
from memfs.errors import MemfsError
from memfs.errors import NotFound
from memfs.errors import OutsideStore
from memfs.errors import StorageFailed
from memfs.errors import Unwritable
from memfs.memory import MAX_BYTES
from memfs.memory import digest
from memfs.scanning import MAX_DEPTH
from memfs.store import ABSENT
from memfs.store import ANY
from memfs.store import Store
from tests.worlds import FAILING_CALLS
from tests.worlds import World
from tests.worlds import can_fail_calls
from tests.worlds import files_below
from tests.worlds import finished
from tests.worlds import stopped
from tests.worlds import within_deadline
from tests.worlds import without_powers

OUTSIDE_NAMES = (
    "",
    ".",
    "..",
    "/",
    "../x.md",
    "../store-evil/x.md",
    "a/../../x.md",
    "/etc/passwd",
    "/etc/passwd.md",
    "..\\x.md",
    "a//b.md",
    "./a.md",
    "a\0b.md",
    ".git/config.md",
    ".hidden.md",
    "a/.b/c.md",
    "~root",
    "%2e%2e/x",
    "x.txt",
    "x",
    "folder/",
)
ODD_TEXTS = (
    b"",
    b"one line, no newline",
    b"---\r\nid: x\r\n---\r\nCRLF\r\n",
    b"\xef\xbb\xbfwith a BOM\n",
    b"\xff\xfe\x00 not UTF-8",
    b"three newlines\n\n\n",
    b"x" * MAX_BYTES,
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return a store whose folder is there and empty."""
    root = tmp_path / "store"
    root.mkdir()
    return Store(root, "workspace")


@pytest.fixture
def other(tmp_path: Path) -> Store:
    """Return a second store beside the first, whose folder is not there yet."""
    return Store(tmp_path / "other", "global")


@contextmanager
def umask(mask: int) -> Iterator[None]:
    """Have new files made under the umask *mask*."""
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def set_attribute(path: Path, name: str, value: bytes) -> None:
    """Give *path* an extended attribute, where its file system has those."""
    try:
        os.setxattr(path, name, value)
    except (OSError, AttributeError):
        pytest.skip(f"{name} cannot be set here")


def open_descriptors() -> int:
    """Return how many file descriptors this process has open."""
    return len(list(Path("/dev/fd").iterdir()))


# ---- reading


@pytest.mark.parametrize("raw", ODD_TEXTS, ids=range(len(ODD_TEXTS)))
def test_what_is_written_reads_back_byte_for_byte(store: Store, raw: bytes) -> None:
    """The store keeps bytes: no newline, mark or encoding is touched."""
    written = store.write("a.md", raw, ABSENT)

    read = store.read("a.md")

    assert read == written
    assert read.raw == raw
    assert read.digest == digest(raw)
    assert read.stamp == store.stamp("a.md")
    assert (store.root / "a.md").read_bytes() == raw


def test_no_more_than_one_byte_beyond_the_limit_is_read(store: Store) -> None:
    """A file of 2 GB costs no more memory than one of 1 MiB."""
    with (store.root / "huge.md").open("wb") as file:
        file.truncate(2 << 30)

    assert len(store.read("huge.md").raw) == MAX_BYTES + 1


@pytest.mark.parametrize("path", ["no.md", "no/x.md", "folder.md", "pipe.md"])
def test_what_is_no_regular_file_is_not_found(store: Store, path: str) -> None:
    """A missing file, a folder or a pipe called x.md is no memory, for reading, replacing and removing."""
    (store.root / "folder.md").mkdir()
    os.mkfifo(store.root / "pipe.md")
    before = open_descriptors()

    for refused in (
        lambda: store.read(path),
        lambda: store.write(path, b"new", digest(b"")),
        lambda: store.remove(path, ANY),
        lambda: store.move(path, ANY, store, "new.md"),
    ):
        with pytest.raises(NotFound):
            refused()

    assert store.stamp(path) == GONE
    assert open_descriptors() == before


def test_a_pipe_or_a_folder_is_not_written_over(store: Store) -> None:
    """Creating a memory where something else has the name is refused, and what has it stays."""
    (store.root / "folder.md").mkdir()
    os.mkfifo(store.root / "pipe.md")

    for path in ("folder.md", "pipe.md"):
        with pytest.raises(Exists):
            store.write(path, b"new", ABSENT)

    assert (store.root / "folder.md").is_dir()
    assert (store.root / "pipe.md").is_fifo()


def test_a_stamp_tells_an_edit_whose_time_was_set_back(store: Store) -> None:
    """The same size and modification time do not hide a change: `touch -r` cannot restore the change time."""
    before = store.write("a.md", b"old", ABSENT).stamp
    path = store.root / "a.md"

    def edited() -> bool:
        path.write_bytes(b"new")
        os.utime(path, ns=(before.mtime_ns, before.mtime_ns))
        return store.stamp("a.md") != before

    assert within_deadline(edited)
    assert store.stamp("a.md")[:2] == before[:2]


# ---- scanning


def test_a_scan_finds_every_memory_in_every_folder(store: Store) -> None:
    """Files named *.md, in any case and at any depth, each with its stamp."""
    for name in ("a.md", "B.MD", "deep/er/c.Md", "ümlaut ☃.md", "with space.md"):
        (store.root / name).parent.mkdir(parents=True, exist_ok=True)
        (store.root / name).write_bytes(b"x")

    found = store.scan()

    assert found.files == {
        name: store.stamp(name) for name in ("a.md", "B.MD", "deep/er/c.Md", "ümlaut ☃.md", "with space.md")
    }
    assert found.skipped == {}
    assert found.leftovers == []


def test_editors_leftovers_are_no_memories(store: Store) -> None:
    """Swap files, backups, probes, hidden files and hidden folders are not seen."""
    for name in (
        ".x.tmp", "4913", ".a.md.swp", "a.md~", ".#a.md", "#a.md#", "sedXyZ12", "a.md.swp", "a.tmp", "a.md.orig",
        ".hidden.md", ".git/config.md", "sub/.obsidian/x.md", "notes.txt", "md",
    ):  # fmt: skip
        (store.root / name).parent.mkdir(parents=True, exist_ok=True)
        (store.root / name).write_bytes(b"x")

    found = store.scan()
    assert (found.files, found.skipped, found.leftovers) == ({}, {}, [])


def test_folders_pipes_and_links_are_no_memories(store: Store, tmp_path: Path) -> None:
    """Only regular files are listed, and no link is followed."""
    secret = tmp_path / "secret"
    (secret / "in").mkdir(parents=True)
    (secret / "in" / "b.md").write_bytes(b"secret")
    (store.root / "folder.md").mkdir()
    (store.root / "folder.md" / "inside.md").write_bytes(b"x")
    os.mkfifo(store.root / "pipe.md")
    (store.root / "link.md").symlink_to(secret / "in" / "b.md")
    (store.root / "linked").symlink_to(secret)
    (store.root / "loop").symlink_to(".")
    (store.root / "dangling.md").symlink_to("nowhere")

    found = store.scan()

    assert list(found.files) == ["folder.md/inside.md"]
    assert found.skipped == {}


def test_sixty_folders_deep_is_found_and_the_endless_is_named(store: Store) -> None:
    """Depth has a limit, which `skipped` tells; a link in a circle is none."""
    folder = store.root
    for depth in range(1, MAX_DEPTH + 7):
        folder /= "d"
        folder.mkdir()
        if depth in (60, MAX_DEPTH - 1, MAX_DEPTH):
            (folder / "x.md").write_bytes(b"x")
    (store.root / "d" / "loop").symlink_to("..")

    found = store.scan()

    assert sorted(found.files) == ["d/" * (MAX_DEPTH - 1) + "x.md", "d/" * 60 + "x.md"]
    assert found.skipped == {"d/" * MAX_DEPTH: f"deeper than {MAX_DEPTH} folders"}


@pytest.mark.skipif(sys.platform == "darwin", reason="its file systems refuse such names")
def test_names_that_are_not_utf_8_are_told_and_harm_nothing(store: Store) -> None:
    """A file and a folder with a Latin-1 name are skipped with the reason; their neighbours are found."""
    root = os.fsencode(store.root)
    Path(os.fsdecode(root + b"/caf\xe9.md")).write_bytes(b"x")
    Path(os.fsdecode(root + b"/d\xe9p")).mkdir()
    Path(os.fsdecode(root + b"/d\xe9p/in.md")).write_bytes(b"x")
    (store.root / "good.md").write_bytes(b"x")

    found = store.scan()

    assert list(found.files) == ["good.md"]
    assert found.skipped == {"caf\udce9.md": "its name is not UTF-8", "d\udce9p/": "its name is not UTF-8"}


def test_an_unreadable_folder_is_told_and_harms_nothing(world: World) -> None:
    """What may not be listed is skipped with the reason; an unreadable file is listed, and fails when it is read."""
    root = world.folder() / ".memory"
    (root / "shut").mkdir(mode=0)
    (root / "good.md").write_bytes(b"x")
    (root / "shut.md").touch(mode=0)
    script = """
import sys
from pathlib import Path
from memfs.errors import StorageFailed
from memfs.store import Store
store = Store(Path(sys.argv[1]), "workspace")
found = store.scan()
print(sorted(found.files), found.skipped)
try:
    store.read("shut.md")
except StorageFailed as error:
    print(error)
"""

    said = world.run(script, root, through=without_powers())

    assert said.splitlines() == [
        "['good.md', 'shut.md'] {'shut/': 'Permission denied'}",
        f"Could not read {root / 'shut.md'}: Permission denied. Check who may write there.",
    ]


def test_a_store_that_is_not_there_is_empty(other: Store) -> None:
    """Looking makes no folder and is no error."""
    assert vars(other.scan()) == {"files": {}, "folders": {}, "skipped": {}, "leftovers": []}
    assert other.stamp("a.md") == GONE
    with pytest.raises(NotFound):
        other.read("a.md")
    assert not other.root.exists()


@pytest.mark.parametrize("target", ["real", "nowhere"])
def test_a_root_that_is_a_link_is_refused(tmp_path: Path, store: Store, target: str) -> None:
    """A repository cannot point its store at another folder: nothing is read, written or made there."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.md").write_bytes(b"secret")
    (tmp_path / "link").symlink_to(tmp_path / target)
    linked = Store(tmp_path / "link", "workspace")
    store.write("a.md", b"mine", ABSENT)

    for refused in (
        linked.scan,
        lambda: linked.read("a.md"),
        lambda: linked.stamp("a.md"),
        lambda: linked.write("b.md", b"x", ABSENT),
        lambda: linked.remove("a.md", ANY),
        lambda: linked.move("a.md", ANY, store, "b.md"),
        lambda: store.move("a.md", ANY, linked, "b.md"),
    ):
        with pytest.raises(OutsideStore):
            refused()
    assert files_below(tmp_path / "real") == {"a.md": b"secret"}
    assert files_below(store.root) == {"a.md": b"mine"}
    assert not (tmp_path / "nowhere").exists()


def test_the_users_own_store_may_be_a_link(tmp_path: Path) -> None:
    """Whoever keeps the global store elsewhere and links it finds it, as one store with the place it leads to."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    linked = Store(tmp_path / "link", "global", may_be_link=True)

    linked.write("a.md", b"x", ABSENT)

    assert files_below(tmp_path / "real") == {"a.md": b"x"}
    assert linked.key == Store(tmp_path / "real", "global").key


def test_a_root_that_is_a_file_is_an_error_of_storage(tmp_path: Path, store: Store) -> None:
    """The sentence speaks of the folder that is none, not of a memory that exists."""
    (tmp_path / "file").write_bytes(b"mine")
    store.write("a.md", b"x", ABSENT)

    for root in (tmp_path / "file", tmp_path / "file" / "below"):
        broken = Store(root, "workspace")
        for refused in (
            broken.scan,
            partial(broken.write, "a.md", b"x", ABSENT),
            partial(broken.remove, "a.md", ANY),
            partial(store.move, "a.md", ANY, broken, "a.md"),
        ):
            with pytest.raises(StorageFailed):
                refused()
    assert (tmp_path / "file").read_bytes() == b"mine"
    assert files_below(store.root) == {"a.md": b"x"}


# ---- names


@pytest.mark.parametrize("path", OUTSIDE_NAMES)
def test_no_name_leads_out_of_the_store(store: Store, tmp_path: Path, path: str) -> None:
    """Whatever is not a plain relative path of a memory is refused, by every call and on either end of a move."""
    (tmp_path / "x.md").write_bytes(b"outside")
    (tmp_path / "store-evil").mkdir()
    (tmp_path / "store-evil" / "x.md").write_bytes(b"outside")
    store.write("a.md", b"mine", ABSENT)
    before = files_below(tmp_path)

    for refused in (
        lambda: store.read(path),
        lambda: store.stamp(path),
        lambda: store.write(path, b"x", ABSENT),
        lambda: store.write(path, b"x", ANY),
        lambda: store.remove(path, ANY),
        lambda: store.move(path, ANY, store, "b.md"),
        lambda: store.move("a.md", ANY, store, path),
    ):
        with pytest.raises(OutsideStore):
            refused()
    assert files_below(tmp_path) == before


@pytest.mark.parametrize("path", ["x" * 5_000 + ".md", "é" * 127 + ".md", "x" * 256 + "/a.md"])
def test_a_name_too_long_for_a_file_system_is_refused(store: Store, path: str) -> None:
    """255 bytes are what a name may have; the sentence does not repeat 5,000."""
    with pytest.raises(Invalid, match="too long") as raised:
        store.write(path, b"x", ABSENT)

    assert len(str(raised.value)) < 500
    assert files_below(store.root) == {}


def test_a_name_that_is_not_utf_8_is_refused(store: Store) -> None:
    """What a scan would skip cannot be made in the first place."""
    for path in ("\ud800.md", "\udce9.md", "d\udce9/x.md"):
        with pytest.raises(OutsideStore):
            store.read(path)
        with pytest.raises(OutsideStore):
            store.write(path, b"x", ABSENT)

    assert files_below(store.root) == {}


@pytest.mark.parametrize("path", ["link.md", "dangling.md", "out/x.md", "d/in/x.md"])
def test_links_are_refused_and_never_turned_into_files(store: Store, tmp_path: Path, path: str) -> None:
    """A link in the store, to a file or a folder, inside or out, is neither read nor replaced nor removed through."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "x.md").write_bytes(b"secret")
    store.write("d/real.md", b"mine", ABSENT)
    (store.root / "link.md").symlink_to("d/real.md")
    (store.root / "dangling.md").symlink_to("nowhere.md")
    (store.root / "out").symlink_to(tmp_path / "out")
    (store.root / "d" / "in").symlink_to(tmp_path / "out")
    before = sorted(files_below(tmp_path).items())

    for refused in (
        lambda: store.read(path),
        lambda: store.write(path, b"x", ANY),
        lambda: store.write(path, b"x", digest(b"mine")),
        lambda: store.remove(path, ANY),
        lambda: store.move(path, ANY, store, "new.md"),
    ):
        with pytest.raises(OutsideStore):
            refused()
    with pytest.raises((OutsideStore, Exists)):
        store.write(path, b"x", ABSENT)
    with pytest.raises((OutsideStore, Exists)):
        store.move("d/real.md", ANY, store, path)

    assert sorted(files_below(tmp_path).items()) == before
    assert (store.root / "link.md").is_symlink()
    assert (store.root / "dangling.md").is_symlink()


# ---- writing


def test_a_new_memory_makes_the_store_and_the_folders_on_the_way(other: Store) -> None:
    """Neither the root nor a sub-folder has to be there before."""
    other.write("a/b/c.md", b"x", ABSENT)
    other.write("d/e.md", b"y", ANY)

    assert files_below(other.root) == {"a/b/c.md": b"x", "d/e.md": b"y"}


def test_absent_never_replaces(store: Store) -> None:
    """A name that is taken is an error which names it, and the file is as it was."""
    store.write("a.md", b"first", ABSENT)
    before = store.stamp("a.md")

    with pytest.raises(Exists) as raised:
        store.write("a.md", b"second", ABSENT)

    assert raised.value.path == store.root / "a.md"
    assert files_below(store.root) == {"a.md": b"first"}
    assert store.stamp("a.md")[:2] == before[:2]


def test_a_digest_replaces_what_was_read(store: Store) -> None:
    """Whoever shows the digest of what is there may replace it, and gets the next digest."""
    first = store.write("a.md", b"first", ABSENT)

    second = store.write("a.md", b"second", first.digest)
    store.write("a.md", b"third", second.digest)

    assert files_below(store.root) == {"a.md": b"third"}


def test_a_save_never_overwrites_an_unseen_edit(store: Store) -> None:
    """A digest that is no longer true is refused by write, remove and move, and the edit stays."""
    mine = store.write("a.md", b"mine", ABSENT)
    (store.root / "a.md").write_bytes(b"edited elsewhere")

    for refused in (
        lambda: store.write("a.md", b"next", mine.digest),
        lambda: store.remove("a.md", mine.digest),
        lambda: store.move("a.md", mine.digest, store, "b.md"),
    ):
        with pytest.raises(Changed) as raised:
            refused()
        assert (raised.value.expected, raised.value.found) == (mine.digest, digest(b"edited elsewhere"))
        assert raised.value.path == store.root / "a.md"
    assert files_below(store.root) == {"a.md": b"edited elsewhere"}


def test_a_memory_that_is_gone_is_not_made_again_by_an_update(store: Store) -> None:
    """Replacing with a digest never creates: somebody removed the memory on purpose."""
    mine = store.write("d/a.md", b"mine", ABSENT)
    store.remove("d/a.md", mine.digest)

    for path in ("d/a.md", "gone/a.md"):
        with pytest.raises(NotFound):
            store.write(path, b"next", mine.digest)

    assert files_below(store.root) == {}


def test_any_replaces_whatever_is_there(store: Store) -> None:
    """What has been merged already is written without a look, over a file or over nothing."""
    store.write("a.md", b"first", ABSENT)

    store.write("a.md", b"second", ANY)
    store.write("b.md", b"new", ANY)

    assert files_below(store.root) == {"a.md": b"second", "b.md": b"new"}


def test_a_write_protected_memory_is_neither_replaced_nor_moved_nor_removed(store: Store) -> None:
    """Whoever took the right to write away, even from root, meant it."""
    mine = store.write("a.md", b"mine", ABSENT)
    (store.root / "a.md").chmod(0o444)

    for refused in (
        lambda: store.write("a.md", b"x", mine.digest),
        lambda: store.write("a.md", b"x", ANY),
        lambda: store.remove("a.md", mine.digest),
        lambda: store.move("a.md", mine.digest, store, "b.md"),
    ):
        with pytest.raises(Unwritable, match="write-protected"):
            refused()
    assert files_below(store.root) == {"a.md": b"mine"}


def test_a_file_larger_than_was_read_is_never_replaced(store: Store, elsewhere: Path) -> None:
    """Only its beginning was read, so its digest does not speak for the rest: nothing of it may be lost."""
    (store.root / "big.md").write_bytes(b"x" * MAX_BYTES + b"and the end")
    read = store.read("big.md")

    for refused in (
        lambda: store.write("big.md", b"small", read.digest),
        lambda: store.write("big.md", b"small", ANY),
        lambda: store.remove("big.md", read.digest),
        lambda: store.move("big.md", read.digest, Store(elsewhere, "global"), "big.md"),
    ):
        with pytest.raises(Unwritable, match="1 MiB"):
            refused()
    assert files_below(store.root) == {"big.md": b"x" * MAX_BYTES + b"and the end"}
    assert files_below(elsewhere) == {}


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_new_file_follows_the_umask(store: Store, mask: int, mode: int) -> None:
    """A memory is as readable as any other file that the user makes."""
    with umask(mask):
        store.write("d/a.md", b"x", ABSENT)

    assert stat.S_IMODE((store.root / "d" / "a.md").stat().st_mode) == mode


def test_an_update_keeps_mode_and_attributes(store: Store) -> None:
    """The new content lies in a new file that looks like the old one."""
    mine = store.write("a.md", b"mine", ABSENT)
    path = store.root / "a.md"
    path.chmod(0o640)
    set_attribute(path, "user.note", b"\x00kept\xff")
    set_attribute(path, "user.second", b"")

    with umask(0o077):
        store.write("a.md", b"next", mine.digest)

    assert path.read_bytes() == b"next"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert {name: os.getxattr(path, name) for name in os.listxattr(path) if name.startswith("user.")} == {
        "user.note": b"\x00kept\xff",
        "user.second": b"",
    }


def test_an_attribute_that_may_not_be_set_takes_no_other_with_it(world: World) -> None:
    """Of a file with attributes of the system's own, the user's are kept."""
    path = world.folder() / ".memory" / "a.md"
    path.write_bytes(b"mine")
    set_attribute(path, "security.capability", bytes.fromhex("0100000200000000000000000000000000000000"))
    set_attribute(path, "user.note", b"kept")
    script = """
import sys
from pathlib import Path
from memfs.store import ANY
from memfs.store import Store
Store(Path(sys.argv[1]), "workspace").write("a.md", b"next", ANY)
"""

    world.run(script, path.parent, through=without_powers())

    assert path.read_bytes() == b"next"
    assert os.getxattr(path, "user.note") == b"kept"


def test_a_hard_linked_memory_is_replaced_under_its_own_name_alone(store: Store, tmp_path: Path) -> None:
    """The other name keeps the old content, whole."""
    mine = store.write("a.md", b"mine", ABSENT)
    os.link(store.root / "a.md", tmp_path / "copy.md")

    store.write("a.md", b"next", mine.digest)

    assert store.read("a.md").raw == b"next"
    assert (tmp_path / "copy.md").read_bytes() == b"mine"


def test_a_refused_write_leaves_no_file_behind(store: Store) -> None:
    """Neither a temporary file nor half a memory stays after an error."""
    store.write("a.md", b"mine", ABSENT)
    for path, expect in (("a.md", ABSENT), ("a.md", digest(b"other")), ("b.md", digest(b"other"))):
        with pytest.raises(MemfsError):
            store.write(path, b"x", expect)
    with pytest.raises(Exists):
        store.move("a.md", ANY, store, "a.md")

    assert files_below(store.root) == {"a.md": b"mine"}


def test_a_store_that_may_not_be_written_says_so(world: World) -> None:
    """No permission is an error of storage with the advice, and nothing changes."""
    root = world.folder() / ".memory"
    (root / "a.md").write_bytes(b"mine")
    root.chmod(0o555)
    script = """
import sys
from pathlib import Path
from memfs.errors import StorageFailed
from memfs.store import ABSENT
from memfs.store import ANY
from memfs.store import Store
store = Store(Path(sys.argv[1]), "workspace")
for refused in (
    lambda: store.write("b.md", b"x", ABSENT),
    lambda: store.write("a.md", b"x", ANY),
    lambda: store.remove("a.md", ANY),
    lambda: store.move("a.md", ANY, store, "b.md"),
):
    try:
        refused()
    except StorageFailed as error:
        print(error.code, error)
"""

    said = world.run(script, root, through=without_powers()).splitlines()
    root.chmod(0o755)

    assert said == [
        f"storage_failed Could not {verb} {root / name}: Permission denied. Check who may write there."
        for verb, name in (("write", "b.md"), ("write", "a.md"), ("remove", "a.md"), ("move", "a.md"))
    ]
    assert files_below(root) == {"a.md": b"mine"}


def test_one_name_is_created_once(store: Store) -> None:
    """Of many writers that want to create one file at once, one does, and the others are told."""
    texts = [f"text {number}".encode() for number in range(16)]

    def create(raw: bytes) -> bytes:
        with suppress(Exists):
            return store.write("a.md", raw, ABSENT).raw
        return b""

    with ThreadPoolExecutor(8) as pool:
        written = [raw for raw in pool.map(create, texts) if raw]

    assert len(written) == 1
    assert files_below(store.root) == {"a.md": written[0]}


def test_no_reader_ever_sees_half_a_memory(store: Store) -> None:
    """While a memory is replaced again and again, every read gives one of its versions, whole."""
    versions = {bytes([letter]) * 50_000 for letter in b"abcdefgh"}
    store.write("a.md", b"a" * 50_000, ABSENT)
    done = threading.Event()
    seen: set[bytes] = set()

    def read() -> None:
        while not done.is_set():
            seen.add(store.read("a.md").raw)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for _ in range(10):
            for raw in versions:
                store.write("a.md", raw, ANY)
    finally:
        done.set()
        for reader in readers:
            reader.join()

    assert seen
    assert seen <= versions


@pytest.mark.parametrize(("call", "number"), [("fsync", "EIO"), ("flock", "ENOLCK")])
def test_a_failing_system_call_changes_nothing(world: World, call: str, number: str) -> None:
    """A disk that fails to flush, or a file system without locks: an error with advice, no file made or replaced."""
    can_fail_calls()
    root = world.folder() / ".memory"
    (root / "a.md").write_bytes(b"mine")
    script = f"""
{FAILING_CALLS}
import sys
from pathlib import Path
from memfs.errors import StorageFailed
from memfs.store import ABSENT, ANY, Store
store = Store(Path(sys.argv[1]), "workspace")
fail({call!r}, errno.{number})
for path, expect in (("b.md", ABSENT), ("a.md", ANY)):
    try:
        store.write(path, b"next", expect)
    except StorageFailed as error:
        print(error.code, error)
"""

    said = world.run(script, root).splitlines()

    reason = {
        "fsync": "Input/output error. Nothing was changed.",
        "flock": "No locks available. The file system offers no locks, and memfs does not write without one.",
    }[call]
    assert said == [f"storage_failed Could not write {root / name}: {reason}" for name in ("b.md", "a.md")]
    assert files_below(root) == {"a.md": b"mine"}


def test_a_file_system_without_hard_links_serves_as_well(world: World, tmp_path: Path) -> None:
    """Creating and moving work, and still replace nothing."""
    can_fail_calls()
    script = f"""
{FAILING_CALLS}
import sys
from pathlib import Path
from memfs.errors import Exists
from memfs.store import ABSENT, ANY, Store
store, other = (Store(Path(path), "workspace") for path in sys.argv[1:])
fail("linkat", errno.EPERM)
store.write("a.md", b"a", ABSENT)
store.write("b.md", b"b", ABSENT)
store.move("a.md", ANY, other, "c.md")
for refused in (lambda: store.write("b.md", b"x", ABSENT), lambda: store.move("b.md", ANY, other, "c.md")):
    try:
        refused()
    except Exists as error:
        print(error.path)
"""

    said = world.run(script, tmp_path / "store", tmp_path / "other").splitlines()

    assert said == [str(tmp_path / "store" / "b.md"), str(tmp_path / "other" / "c.md")]
    assert files_below(tmp_path / "store") == {"b.md": b"b"}
    assert files_below(tmp_path / "other") == {"c.md": b"a"}


# ---- removing and moving


def test_remove_takes_the_file_and_nothing_else(store: Store) -> None:
    """Folders stay, and a second time there is nothing to remove."""
    mine = store.write("d/a.md", b"mine", ABSENT)
    store.write("d/b.md", b"other", ABSENT)

    store.remove("d/a.md", mine.digest)

    assert files_below(store.root) == {"d/b.md": b"other"}
    with pytest.raises(NotFound):
        store.remove("d/a.md", mine.digest)


@pytest.mark.parametrize("far", [False, True], ids=["one file system", "two file systems"])
def test_a_move_changes_nothing_but_the_place(
    store: Store, tmp_path: Path, request: pytest.FixtureRequest, *, far: bool
) -> None:
    """Bytes, mode, attributes and the time of the last edit are the same after a move, wherever it leads."""
    other = Store((request.getfixturevalue("elsewhere") if far else tmp_path) / "new" / "store", "global")
    raw = b"---\r\nid: x\r\n---\r\nbody"
    mine = store.write("d/a.md", raw, ABSENT)
    path = store.root / "d" / "a.md"
    path.chmod(0o640)
    os.utime(path, ns=(1_600_000_000_000_000_000, 1_600_000_000_123_456_789))

    moved = store.move("d/a.md", mine.digest, other, "e/b.md")

    assert moved == other.read("e/b.md")
    assert (moved.raw, moved.digest) == (raw, mine.digest)
    assert moved.stamp.mtime_ns == 1_600_000_000_123_456_789
    assert stat.S_IMODE((other.root / "e" / "b.md").stat().st_mode) == 0o640
    assert files_below(store.root) == {}
    assert list(files_below(other.root)) == ["e/b.md"]


def test_a_move_between_file_systems_keeps_attributes(store: Store, elsewhere: Path) -> None:
    """The copy carries what the user attached to the file."""
    probe = elsewhere / "probe"
    probe.touch()
    set_attribute(probe, "user.note", b"kept")
    store.write("a.md", b"mine", ABSENT)
    set_attribute(store.root / "a.md", "user.note", b"kept")

    store.move("a.md", ANY, Store(elsewhere, "global"), "a.md")

    assert os.getxattr(elsewhere / "a.md", "user.note") == b"kept"


@pytest.mark.parametrize("far", [False, True], ids=["one file system", "two file systems"])
def test_a_move_never_replaces(store: Store, tmp_path: Path, request: pytest.FixtureRequest, *, far: bool) -> None:
    """Where the new name is taken both files stay as they are, and no temporary file stays."""
    other = Store((request.getfixturevalue("elsewhere") if far else tmp_path) / "other", "global")
    mine = store.write("a.md", b"mine", ABSENT)
    other.write("a.md", b"theirs", ABSENT)

    with pytest.raises(Exists) as raised:
        store.move("a.md", mine.digest, other, "a.md")

    assert raised.value.path == other.root / "a.md"
    assert files_below(store.root) == {"a.md": b"mine"}
    assert files_below(other.root) == {"a.md": b"theirs"}


def test_a_rename_within_a_store_is_a_move(store: Store) -> None:
    """Both ends of a move may lie in one store, whose lock is taken once."""
    store.write("a.md", b"mine", ABSENT)

    store.move("a.md", ANY, store, "sub/b.md")

    assert files_below(store.root) == {"sub/b.md": b"mine"}


def test_moves_in_opposite_directions_do_not_wait_for_each_other(store: Store, other: Store) -> None:
    """Two stores are always locked in the same order, so that no two moves hold one lock each."""
    for number in range(20):
        store.write(f"a{number}.md", b"a", ABSENT)
        other.write(f"b{number}.md", b"b", ABSENT)

    with ThreadPoolExecutor(4) as pool:
        there = [pool.submit(store.move, f"a{n}.md", ANY, other, f"a{n}.md") for n in range(20)]
        back = [pool.submit(other.move, f"b{n}.md", ANY, store, f"b{n}.md") for n in range(20)]
        for each in (*there, *back):
            each.result()

    assert files_below(store.root) == {f"b{number}.md": b"b" for number in range(20)}
    assert files_below(other.root) == {f"a{number}.md": b"a" for number in range(20)}


EDITOR = """
import os, random, sys
path = sys.argv[1]
print("ready", flush=True)
for line in sys.stdin:
    with open(path + "~", "w") as file:
        file.write(line)
    for _ in range(random.randrange(20_000)):
        pass
    os.replace(path + "~", path)
    print("done", flush=True)
"""


def race(editor: subprocess.Popen[str], text: str, act: Callable[[], object]) -> bool:
    """Let *editor* save *text* while *act* runs; return whether *act* went through."""
    assert editor.stdin is not None
    assert editor.stdout is not None
    editor.stdin.write(text + "\n")
    editor.stdin.flush()
    try:
        act()
    except (Changed, NotFound):
        through = False
    else:
        through = True
    assert editor.stdout.readline() == "done\n"
    return through


@pytest.mark.parametrize("far", [False, True], ids=["one file system", "two file systems"])
def test_a_move_that_meets_an_edit_loses_neither_and_leaves_no_second_copy(
    world: World, store: Store, tmp_path: Path, request: pytest.FixtureRequest, *, far: bool
) -> None:
    """Either the memory moved and the edit is a new file, or the move says `Changed` and the edited file is the one."""
    other = Store((request.getfixturevalue("elsewhere") if far else tmp_path) / "other", "global")
    editor = world.start(EDITOR, store.root / "a.md")
    try:
        assert editor.stdout is not None
        assert editor.stdout.readline() == "ready\n"
        for number in range(150):
            mine = store.write("a.md", b"mine", ANY)
            moved = race(editor, f"edit {number}", partial(store.move, "a.md", mine.digest, other, "b.md"))

            assert files_below(other.root) == ({"b.md": b"mine"} if moved else {})
            assert files_below(store.root) == {"a.md": f"edit {number}\n".encode()}
            shutil.rmtree(other.root)
    finally:
        stopped(editor)


def test_a_removal_that_meets_an_edit_removes_only_what_was_read(world: World, store: Store) -> None:
    """Whether the edit comes before, while or after, it is there in the end."""
    editor = world.start(EDITOR, store.root / "a.md")
    try:
        assert editor.stdout is not None
        assert editor.stdout.readline() == "ready\n"
        for number in range(300):
            mine = store.write("a.md", b"mine", ANY)
            race(editor, f"edit {number}", partial(store.remove, "a.md", mine.digest))

            assert files_below(store.root) == {"a.md": f"edit {number}\n".encode()}
    finally:
        stopped(editor)


# ---- the lock, and what dead writers leave


HOLDER = """
import sys, time
from pathlib import Path
from memfs.store import Store
store = Store(Path(sys.argv[1]), "workspace")
with store.lock():
    print("held", flush=True)
    sys.stdin.readline()
print("freed", flush=True)
sys.stdin.readline()
"""


@contextmanager
def held(world: World, store: Store) -> Iterator[subprocess.Popen[str]]:
    """Have another process hold the lock of *store* until it is sent a line, or killed."""
    holder = world.start(HOLDER, store.root)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield holder
    finally:
        stopped(holder)


def test_a_lock_that_is_held_too_long_is_an_error_that_says_so(
    world: World, store: Store, other: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No writer waits for ever, none goes on without the lock, and readers do not wait at all."""
    monkeypatch.setattr(Store, "lock", partialmethod(Store.lock, 0.3))
    mine = store.write("a.md", b"mine", ABSENT)
    other.write("b.md", b"theirs", ABSENT)
    refused: list[Callable[[], object]] = [
        lambda: store.write("new.md", b"x", ABSENT),
        lambda: store.write("a.md", b"x", mine.digest),
        lambda: store.remove("a.md", mine.digest),
        lambda: store.move("a.md", mine.digest, other, "a.md"),
        lambda: other.move("b.md", ANY, store, "b.md"),
    ]

    with held(world, store), ThreadPoolExecutor(len(refused)) as pool:
        assert files_below(store.root) == {"a.md": store.read("a.md").raw}
        assert list(store.scan().files) == ["a.md"]
        waiting = [pool.submit(each) for each in refused]
        errors = [each.exception() for each in waiting]

    for error in errors:
        assert isinstance(error, Busy)
        # of two moves that wait for one lock, one has the other's
        assert str(store.root) in str(error) or str(other.root) in str(error)
    assert files_below(store.root) == {"a.md": b"mine"}
    assert files_below(other.root) == {"b.md": b"theirs"}


def test_a_write_waits_for_the_one_before_it(world: World, store: Store) -> None:
    """A lock that is given back in time is no error."""
    with held(world, store) as holder, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(store.write, "a.md", b"x", ABSENT)
        assert holder.stdin is not None
        holder.stdin.write("\n")
        holder.stdin.flush()

        assert waiting.result().raw == b"x"


def test_a_killed_writer_holds_nothing(world: World, store: Store) -> None:
    """The kernel gives a dead process's lock back: nobody has to remove anything."""
    with held(world, store) as holder:
        stopped(holder)

        with store.lock(seconds=0):
            pass

    assert files_below(store.root) == {}


def test_a_program_started_while_the_lock_is_held_does_not_inherit_it(store: Store) -> None:
    """An editor or git that outlives a save does not keep the next writer waiting."""
    with store.lock():
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False)
    try:
        # the kernel lets the parent go on a moment before it closes the child's files
        with store.lock(seconds=5):
            pass
    finally:
        child.communicate(b"\n")

    assert child.returncode == 0


def test_the_lock_keeps_threads_apart_too(store: Store) -> None:
    """Two threads of one process are two writers."""
    with store.lock(), ThreadPoolExecutor(1) as pool:

        def take() -> None:
            with store.lock(seconds=0):
                pass

        assert isinstance(pool.submit(take).exception(), Busy)


def test_a_dead_writers_temporary_file_is_removed(world: World) -> None:
    """What a killed writer left is gone after the next look at the store, and was never a memory."""
    workspace = world.open()
    store = workspace.view.stores[0]
    store.write("d/a.md", b"mine", ABSENT)
    for folder in ("", "d/"):
        (store.root / f"{folder}.memfs-999999-aabbccddeeff.tmp").write_bytes(b"half a mem")

    assert len(store.scan().leftovers) == 2
    workspace.refresh(store)

    assert files_below(store.root) == {"d/a.md": b"mine"}


def test_a_live_writers_temporary_file_is_left_alone(world: World, store: Store) -> None:
    """Whoever holds the lock may be writing: nothing is swept, and nobody waits."""
    temp = ".memfs-1-aabbccddeeff.tmp"
    (store.root / temp).write_bytes(b"half a mem")

    with held(world, store):
        store.sweep(store.scan().leftovers)
        assert files_below(store.root) == {temp: b"half a mem"}
    store.sweep(store.scan().leftovers)

    assert files_below(store.root) == {}


def test_sweeping_follows_no_link_and_takes_nothing_but_the_named(store: Store, tmp_path: Path) -> None:
    """A folder that became a link since the scan is left alone, without an error."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".memfs-1-aa.tmp").write_bytes(b"theirs")
    (store.root / "d").symlink_to(tmp_path / "out")
    (store.root / ".memfs-1-bb.tmp").write_bytes(b"")

    store.sweep(["d/.memfs-1-aa.tmp", "gone/.memfs-1-aa.tmp", ".memfs-1-bb.tmp"])

    assert files_below(tmp_path) == {"out/.memfs-1-aa.tmp": b"theirs"}


def test_writers_leave_no_lock_file(store: Store, other: Store) -> None:
    """There is nothing to commit, to ignore or to delete by mistake but the memories."""
    mine = store.write("a.md", b"mine", ABSENT)
    mine = store.write("a.md", b"next", mine.digest)
    store.move("a.md", mine.digest, other, "a.md")
    other.remove("a.md", mine.digest)

    assert files_below(store.root) == {}
    assert files_below(other.root) == {}


WRITER = """
import sys
from pathlib import Path
from memfs.errors import Changed
from memfs.store import Store
store = Store(Path(sys.argv[1]), "workspace")
for number in range(int(sys.argv[3])):
    while True:
        file = store.read("a.md")
        try:
            store.write("a.md", file.raw + f"{sys.argv[2]} {number}\\n".encode(), file.digest)
        except Changed:
            continue
        break
"""


def test_no_line_is_lost_between_processes_that_append(world: World, store: Store) -> None:
    """Whoever repeats an edit after `Changed` gets it in, and overwrites nobody's."""
    store.write("a.md", b"", ABSENT)

    finished([world.start(WRITER, store.root, name, 40) for name in "abcd"])

    lines = store.read("a.md").raw.decode().splitlines()
    assert sorted(lines) == sorted(f"{name} {number}" for name in "abcd" for number in range(40))
    assert [line for line in lines if line[0] == "a"] == [f"a {number}" for number in range(40)]

"""The format, sentence by sentence: bytes in and meaning out, changes in and bytes out. The ids are its sentences."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping
from datetime import UTC
from datetime import datetime
from pathlib import Path

import pytest

from memfs import config as configuration
from memfs.errors import Invalid
from memfs.errors import OutsideStore
from memfs.memory import DEFAULT_IMPORTANCE
from memfs.memory import IMPORTANT
from memfs.memory import KEYS
from memfs.memory import TITLE_LENGTH
from memfs.memory import TYPES
from memfs.memory import Link
from memfs.memory import Memory
from memfs.memory import compose
from memfs.memory import derived_id
from memfs.memory import file_name
from memfs.memory import parse
from memfs.memory import patch
from memfs.memory import slug
from memfs.scope import find_workspace
from memfs.scope import global_store
from memfs.scope import group_store
from memfs.scope import workspace_store
from memfs.store import Store
from memfs.values import Value

EXAMPLE = b"""---
id: 01KAJ9D3Q0V8M2XH5N7C4T6B1R
title: Always use ULIDs for database IDs
type: directive
importance: 10
tags: [database, ids]
created: 2026-11-21T08:48:21Z
links:
  - {type: supersedes, to: 01K9ZZ6Q4Y0B7R3T5V8W2X1C0D}
---

ULIDs sort by time and need no coordination. Use `ulid` columns, never serial integers.
"""
"""The example of the format."""
CREATED = datetime(2026, 11, 21, 8, 48, 21, tzinfo=UTC)


def headed(lines: str, body: str = "Body.\n") -> bytes:
    """Return a file with the header *lines*, without their fences, and *body*."""
    return f"---\n{lines}\n---\n{body}".encode()


def reasons(memory: Memory) -> list[tuple[int, str]]:
    """Return line and key, or first word, of each problem of *memory*."""
    return [(problem.line, problem.reason.split()[0].strip("`")) for problem in memory.problems]


# ---- 1. Where memories live


def environ(root: Path, **extra: str) -> dict[str, str]:
    """Return an environment whose person lives in the folder *root*."""
    return {"HOME": str(root), **extra}


def workspace_of(cwd: Path, env: Mapping[str, str]) -> Path:
    """Return the workspace of *cwd* in the environment *env*."""
    return find_workspace(cwd, configuration.load(env), env)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return an empty folder under the name that the kernel has for it."""
    return Path(os.path.realpath(tmp_path))


def folder(*parts: str | Path) -> Path:
    """Return the folder made of *parts*, which exists afterwards."""
    made = Path(*parts)
    made.mkdir(parents=True, exist_ok=True)
    return made


def test_the_workspace_is_first_what_memfs_workspace_names(root: Path) -> None:
    """`MEMFS_WORKSPACE` comes before `CLAUDE_PROJECT_DIR` and before a `.memory` folder."""
    cwd, named, other = folder(root, "cwd", ".memory").parent, folder(root, "named"), folder(root, "other")

    env = environ(root, MEMFS_WORKSPACE=str(named), CLAUDE_PROJECT_DIR=str(other))

    assert workspace_of(cwd, env) == named


def test_the_workspace_is_next_what_claude_project_dir_names(root: Path) -> None:
    """`CLAUDE_PROJECT_DIR` comes before a `.memory` folder."""
    cwd, named = folder(root, "cwd", ".memory").parent, folder(root, "named")

    assert workspace_of(cwd, environ(root, CLAUDE_PROJECT_DIR=str(named))) == named


def test_the_workspace_is_next_the_nearest_folder_with_a_memory_folder(root: Path) -> None:
    """The nearest of the ancestors with `.memory` counts, and comes before a git top level that is nearer."""
    outer, inner = folder(root, "outer"), folder(root, "outer", "inner")
    folder(outer, ".memory")
    folder(inner, ".memory")
    cwd = folder(inner, "repository", ".git").parent

    assert workspace_of(cwd, environ(root)) == inner
    assert workspace_of(inner, environ(root)) == inner
    assert workspace_of(outer, environ(root)) == outer


def test_the_workspace_is_next_the_git_top_level(root: Path) -> None:
    """Without any `.memory` the nearest folder with `.git` counts."""
    repository = folder(root, "repository", ".git").parent

    assert workspace_of(folder(repository, "src", "deep"), environ(root)) == repository


def test_the_workspace_in_a_worktree_is_that_worktrees_own_top_level(root: Path) -> None:
    """A worktree's `.git` is a file, and counts like a folder."""
    worktree = folder(root, "repository", "trees", "one")
    folder(root, "repository", ".git")
    (worktree / ".git").write_text("gitdir: elsewhere\n")

    assert workspace_of(folder(worktree, "src"), environ(root)) == worktree


def test_the_workspace_is_last_the_directory_itself(root: Path) -> None:
    """Where nothing says otherwise a folder is its own workspace."""
    cwd = folder(root, "plain", "folder")

    assert workspace_of(cwd, environ(root)) == cwd


def test_the_home_of_memfs_is_never_a_workspace_store(root: Path) -> None:
    """With the default home `~` does not become a workspace because `~/.memory` exists; nor with another home."""
    folder(root, ".memory", "global")
    plain = folder(root, "plain")

    assert workspace_of(plain, environ(root)) == plain
    assert workspace_of(plain, environ(root, MEMFS_HOME=str(root / "elsewhere"))) == root


def test_each_scope_has_its_folder(root: Path) -> None:
    """Workspace store, global store and group store lie where the table says."""
    config = configuration.load(environ(root))
    moved = configuration.load(environ(root, MEMFS_HOME=str(root / "other")))

    stores = [workspace_store(root / "w"), global_store(config), group_store(config, "team"), global_store(moved)]

    assert [(store.scope, store.root) for store in stores] == [
        ("workspace", root / "w" / ".memory"),
        ("global", root / ".memory" / "global"),
        ("group:team", root / ".memory" / "groups" / "team"),
        ("global", root / "other" / "global"),
    ]


def test_a_store_is_scanned_recursively_for_markdown_files_in_any_case(root: Path) -> None:
    """`*.md` counts whatever its case and however deep; hidden names, leftovers and other files do not."""
    counted = ["a.md", "B.MD", "sub/c.Md", "sub/sub sub/d.md", "4913.md", "über.md", "tmp/e.md"]
    skipped = [
        ".hidden.md", ".folder/f.md", "sub/.folder/g.md", "h.md~", "#i.md#", "j.md.swp", ".k.md.swp", "l.md.tmp",
        "4913", "m.txt", "md", "n.mdx", "o.markdown", ".memfs-1-2.tmp",
    ]  # fmt: skip
    for name in (*counted, *skipped):
        folder((root / name).parent)
        (root / name).write_text("text")

    assert sorted(Store(root, "workspace").scan().files) == sorted(counted)


def test_a_folder_with_the_name_of_a_memory_is_a_folder(root: Path) -> None:
    """`x.md/` is walked like any other folder."""
    (folder(root, "x.md") / "y.md").write_text("text")

    assert list(Store(root, "workspace").scan().files) == ["x.md/y.md"]


def test_symbolic_links_are_not_followed(root: Path) -> None:
    """Neither a linked file nor what lies in a linked folder is a memory of the store."""
    outside, store = folder(root, "outside"), folder(root, "store")
    (outside / "secret.md").write_text("text")
    (store / "own.md").write_text("text")
    (store / "file.md").symlink_to(outside / "secret.md")
    (store / "folder").symlink_to(outside)
    (store / "loop").symlink_to(store)

    assert list(Store(store, "workspace").scan().files) == ["own.md"]


def test_only_the_users_own_store_may_be_a_symbolic_link(root: Path) -> None:
    """The global store may be a link somewhere else, a workspace store may not."""
    real = folder(root, "real")
    (real / "a.md").write_text("text")
    folder(root, ".memory")
    (root / ".memory" / "global").symlink_to(real)
    (folder(root, "w") / ".memory").symlink_to(real)

    assert list(global_store(configuration.load(environ(root))).scan().files) == ["a.md"]
    with pytest.raises(OutsideStore):
        workspace_store(root / "w").scan()


def test_nothing_inside_a_repository_configures_memfs(root: Path) -> None:
    """`$MEMFS_HOME/config.toml` is read; files of that name in a workspace and its store are not."""
    workspace = folder(root, "w", ".memory").parent
    for place in (workspace, workspace / ".memory"):
        (place / "config.toml").write_text('mode = "global"\n')
    (folder(root, "home") / "config.toml").write_text('mode = "hybrid"\n')

    before = configuration.load(environ(root)).mode_for(workspace)[0]
    after = configuration.load(environ(root, MEMFS_HOME=str(root / "home"))).mode_for(workspace)[0]

    assert (before, after) == ("isolated", "hybrid")


def test_cache_and_state_lie_where_the_user_says_and_never_in_a_store(root: Path) -> None:
    """`$MEMFS_CACHE` and `$MEMFS_STATE` name the folders of what is derived and of what is small."""
    config = configuration.load(environ(root, MEMFS_CACHE=str(root / "c"), MEMFS_STATE=str(root / "s")))
    default = configuration.load(environ(root))

    assert (config.cache, config.state) == (root / "c", root / "s")
    assert default.home not in (default.cache, *default.cache.parents, default.state, *default.state.parents)


def test_moving_a_file_between_stores_converts_it_and_changes_no_byte(root: Path) -> None:
    """The file's place alone says its scope: after a move the same bytes are the same memory."""
    here = Store(folder(root, "w", ".memory"), "workspace")
    there = Store(root / "global", "global")
    (here.root / "ids.md").write_bytes(EXAMPLE)

    here.move("ids.md", here.read("ids.md").digest, there, "kept/ids.md")

    assert list(here.scan().files) == []
    assert there.read("kept/ids.md").raw == EXAMPLE
    assert parse(EXAMPLE, "kept/ids.md").id == parse(EXAMPLE, "ids.md").id


# ---- 2. The file: the table


def test_the_example_means_what_it_says() -> None:
    """Each key of the example arrives as what the table calls it."""
    memory = parse(EXAMPLE, "ids.md")

    assert memory._replace(header=None) == Memory(
        path="ids.md",
        id="01KAJ9D3Q0V8M2XH5N7C4T6B1R",
        id_written=True,
        title="Always use ULIDs for database IDs",
        body="ULIDs sort by time and need no coordination. Use `ulid` columns, never serial integers.",
        type="directive",
        importance=10,
        tags=("database", "ids"),
        created=CREATED,
        links=(Link("supersedes", "01K9ZZ6Q4Y0B7R3T5V8W2X1C0D"),),
    )


@pytest.mark.parametrize(
    "raw",
    [
        b"# Title\n\nBody.\n",
        b"---\n---\n# Title\n\nBody.\n",
        b"---\n# a comment\n---\n# Title\n\nBody.\n",
        b"---\n--- \n---\n# Title\n\nBody.\n",
    ],
    ids=["no-frontmatter", "empty-frontmatter", "only-a-comment", "only-a-document-start"],
)
def test_every_key_is_optional_and_so_is_the_frontmatter(raw: bytes) -> None:
    """A plain markdown file is a memory, every key at its default."""
    assert parse(raw, "notes/x.md")._replace(header=None) == Memory(
        path="notes/x.md",
        id=derived_id("notes/x.md"),
        id_written=False,
        title="Title",
        body="# Title\n\nBody.",
        state="ok",
        type="information",
        importance=5,
        tags=(),
        category="",
        channels=(),
        summary="",
        cues=(),
        created=None,
        updated=None,
        expires=None,
        links=(),
        about=(),
        session="",
        pinned=False,
        problems=(),
    )


def test_the_keys_stand_in_the_order_of_the_table() -> None:
    """The keys are those of the table; eight and above is important; the types are recall's ten."""
    assert KEYS == (
        "id", "title", "type", "importance", "tags", "category", "channels", "summary", "cues", "created", "updated",
        "expires", "links", "about", "session", "pinned",
    )  # fmt: skip
    assert len(TYPES) == 10
    assert (DEFAULT_IMPORTANCE, IMPORTANT) == (5, 8)


READ = [
    ("id", "id: abc_DEF-9", "abc_DEF-9"),
    ("id", f"id: {'x' * 64}", "x" * 64),
    ("id", "id: no", "no"),
    ("id", "id: 0123", "0123"),
    ("title", "title: One line", "One line"),
    ("title", "title: 'Quoted: it''s'", "Quoted: it's"),
    ("title", 'title: "An \\"inner\\" quote"', 'An "inner" quote'),
    ("title", "title: folded\n  over lines", "folded over lines"),
    ("title", "title: 1.10", "1.10"),
    ("title", "title: null", "null"),
    ("title", "title: 🎉 fête 漢字", "🎉 fête 漢字"),
    ("title", f"title: {'word ' * 100}", ("word " * 100).strip()),
    *[("type", f"type: {kind}", kind) for kind in TYPES],
    ("importance", "importance: 1", 1),
    ("importance", "importance: '10'", 10),
    ("importance", "importance: 08", 8),
    ("importance", "importance: +7", 7),
    ("tags", "tags: [a, b c]", ("a", "b c")),
    ("tags", "tags: a, b c,, d", ("a", "b c", "d")),
    ("tags", "tags:\n  - a\n  - 'b, c'", ("a", "b, c")),
    ("tags", "tags:\n- a\n- b", ("a", "b")),
    ("tags", "tags: [Same, Same, same]", ("Same", "same")),
    ("tags", "tags: [no, 1.10, 012, 2026-01-02, ~]", ("no", "1.10", "012", "2026-01-02", "~")),
    ("tags", "tags: one", ("one",)),
    ("tags", "tags: []", ()),
    ("tags", "tags:", ()),
    ("category", "category: ops", "ops"),
    ("channels", "channels: [team, a/b]", ("team", "a/b")),
    ("summary", "summary: In one sentence.", "In one sentence."),
    ("summary", "summary: |\n  Two\n  lines", "Two\nlines"),
    ("summary", "summary: >-\n  Two\n  lines", "Two lines"),
    ("cues", "cues: [how do ids sort, 'why: ULID?']", ("how do ids sort", "why: ULID?")),
    ("created", "created: 2026-11-21T08:48:21Z", CREATED),
    ("created", "created: 2026-11-21 08:48:21", CREATED),
    ("created", "created: 2026-11-21t10:48:21+02:00", CREATED),
    ("created", "created: '2026-11-21T08:48:21.123456789Z'", CREATED.replace(microsecond=123456)),
    ("created", "created: 2026-11-21", CREATED.replace(hour=0, minute=0, second=0)),
    ("updated", "updated: 2026-11-21T08:48:21Z", CREATED),
    ("expires", "expires: 2026-11-21", CREATED.replace(hour=0, minute=0, second=0)),
    (
        "links",
        "links:\n  - {type: parent_of, to: abc}\n  - type: my_own\n    to: d",
        (Link("parent_of", "abc"), Link("my_own", "d")),
    ),
    ("links", "links: []", ()),
    (
        "about",
        "about: [src/db.py#L10-20, 'lib/**', src/a.py#Symbol]",
        ("src/db.py#L10-20", "lib/**", "src/a.py#Symbol"),
    ),
    ("session", "session: 7f0e-1", "7f0e-1"),
    ("pinned", "pinned: true", True),
    ("pinned", "pinned: Yes", True),
    ("pinned", "pinned: 'on'", True),
    ("pinned", "pinned: 1", True),
    ("pinned", "pinned: false", False),
    ("pinned", "pinned: no", False),
]


@pytest.mark.parametrize(("key", "lines", "value"), READ, ids=[lines for _, lines, _ in READ])
def test_a_key_is_read_as_the_table_says(key: str, lines: str, value: object) -> None:
    """A value that fits its key arrives converted, and nothing is reported."""
    memory = parse(headed(lines), "x.md")

    assert getattr(memory, key) == value
    assert (memory.state, memory.problems, memory.body) == ("ok", (), "Body.")


WRONG = [
    "id: has space", "id: über", f"id: {'x' * 65}", "id: [a]", "id: a.b", "id: a/b",
    "title: [a]", "title: {a: b}",
    "type: [decision]",
    "importance: high", "importance: 0", "importance: 11", "importance: -3", "importance: 7.5", "importance: [7]",
    "importance: ٧", f"importance: {'9' * 5000}", f"importance: {'0' * 5000}7", "importance: 0x7", "importance: 1_0",
    "tags: {a: b}", "tags: [[a]]", "tags: [a: b]", "tags: [a, {b: c}]",
    "category: [a]", "channels: team", "channels: {a: b}", "summary: [a]", "cues: one", "cues: [[a]]",
    "created: yesterday", "created: 2024-02-30", "created: 99999-01-01", "created: [x]", "created: 2026-13-01",
    "created: 2026-01-01T25:00:00Z", "created: 0001-01-01T00:00:00+14:00", "created: 1767225600", "created: ٢٠٢٦-٠١-٠١",
    "updated: {}", "updated: 2026-1-1", "expires: never", "expires: 2026",
    "links: supersedes", "links: {type: a, to: b}", "links: [a]", "links: [{type: a}]", "links: [{to: b}]",
    "links: [{type: [a], to: b}]", "links: [{type: a, to: b}, c]",
    "about: src/a.py", "about: [{path: a}]", "session: [a]", "pinned: maybe", "pinned: [true]", "pinned: ~",
]  # fmt: skip


@pytest.mark.parametrize("lines", WRONG, ids=[lines[:40] for lines in WRONG])
def test_a_value_of_the_wrong_type_leaves_the_default_in_force_and_is_reported(lines: str) -> None:
    """The memory stays usable: its body, its other keys and the default are there; line and key are told."""
    key = lines.partition(":")[0]
    others = "category: other" if key != "category" else "session: other"

    memory = parse(headed(f"{others}\n{lines}"), "x.md")

    default = parse(headed(others), "x.md")
    assert memory._replace(header=None, problems=()) == default._replace(header=None)
    assert reasons(memory) == [(3, key)]


def test_an_unknown_type_is_kept_and_searchable_and_reported() -> None:
    """A type of somebody's own stays what it is; the report says on which line it stands."""
    memory = parse(headed("title: T\ntype: runbook"), "x.md")

    assert memory.type == "runbook"
    assert reasons(memory) == [(3, "type")]


@pytest.mark.parametrize(
    ("path", "hashed"),
    [
        ("x.md", "x.md"),
        ("sub/X y.md", "sub/X y.md"),
        ("u\u0308ber.md", "\u00fcber.md"),
        ("\u00fcber.md", "\u00fcber.md"),
    ],
    ids=["top", "sub-folder", "NFD-name-is-hashed-as-NFC", "NFC-name"],
)
def test_an_absent_id_is_derived_from_the_relative_path(path: str, hashed: str) -> None:
    """`p-` and the first 26 Crockford base32 characters of SHA-256 of the path, with `/`, in NFC."""
    number = int.from_bytes(hashlib.sha256(hashed.encode()).digest(), "big") >> (256 - 26 * 5)
    digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    expected = "p-" + "".join(digits[number >> 5 * place & 31] for place in range(25, -1, -1))

    memory = parse(b"text", path)

    assert (memory.id, memory.id_written) == (expected, False)
    assert base64.b32encode(hashlib.sha256(hashed.encode()).digest())[:1]  # the bits are those that base32 would take


TITLES = [
    ("# First heading\n\ntext", "First heading"),
    ("text before\n\n## A heading ##\n", "A heading"),
    ("#no heading\ntext", "#no heading"),
    ("\n\n  first words  \nmore", "first words"),
    ("```sh\n# a comment in code\n```\n# The heading\n", "The heading"),
    ("~~~\n# a comment\n~~~\n", "~~~\n# a comment\n~~~".splitlines()[1]),
    ("# Notes on C#\n", "Notes on C#"),
    ("# Notes on C #\n", "Notes on C"),
    ("#   \ntext", "#"),
    ("🎉\ntext", "🎉"),
    ("# two   spaces\tand a tab", "two spaces and a tab"),
    ("w" * 120, "w" * 120),
    ("w" * 121, "w" * 119 + "…"),
    ("# " + "w" * 500, "w" * 119 + "…"),
    ("", "x"),
    (" \n\t\n", "x"),
]


@pytest.mark.parametrize(("body", "title"), TITLES, ids=[repr(body[:30]) for body, _ in TITLES])
def test_an_absent_title_is_the_first_heading_else_the_first_line_cut_at_120(body: str, title: str) -> None:
    """Headings inside code are none; a file without words is called by its name."""
    memory = parse(body.encode(), "folder/x.md")

    assert memory.title == title
    assert len(memory.title) <= TITLE_LENGTH == 120


def test_an_expired_memory_is_known_from_its_expires_on() -> None:
    """Never without `expires`; from that instant on with it."""
    memory = parse(headed("expires: 2026-11-21T08:48:21Z"), "x.md")

    assert memory.expired(CREATED)
    assert not memory.expired(CREATED.replace(second=20))
    assert not parse(b"text", "x.md").expired(datetime.max.replace(tzinfo=UTC))


def test_double_brackets_in_the_body_are_links_of_type_references() -> None:
    """`[[Title]]`, `[[id]]` and `[[id|shown]]` are links after the written ones, each once."""
    body = "See [[A title]], [[01KAJ9D3Q0V8M2XH5N7C4T6B1R|that one]] and [[A title]]; not [[ ]], [[a\nb]] or [one].\n"
    memory = parse(headed("links: [{type: supersedes, to: abc}]", body), "x.md")

    assert memory.references() == (
        Link("supersedes", "abc"),
        Link("references", "A title"),
        Link("references", "01KAJ9D3Q0V8M2XH5N7C4T6B1R"),
    )


# ---- 2. Reading


def test_reading_1_a_byte_order_mark_is_dropped() -> None:
    """A BOM hides neither the header nor the first heading."""
    assert parse(b"\xef\xbb\xbf" + EXAMPLE, "ids.md") == parse(EXAMPLE, "ids.md")
    assert parse(b"\xef\xbb\xbf# Title", "x.md").title == "Title"


UNREADABLE = [
    ("invalid-utf-8", b"good\nbad \xff byte\n", 2),
    ("a-surrogate-half", b"\xed\xa0\x80", 1),
    ("utf-16-le", "# Title\n".encode("utf-16"), 1),
    ("utf-16-be-without-a-mark", "# Title\n".encode("utf-16-be"), 1),
    ("nul-in-the-header", b"---\ntitle: a\0b\n---\n", 2),
    ("nul-in-the-body", EXAMPLE + b"a\0b", 13),
    ("more-than-1-MiB", b"a" * (1 << 20) + b"\n", 0),
]


@pytest.mark.parametrize(("raw", "line"), [case[1:] for case in UNREADABLE], ids=[case[0] for case in UNREADABLE])
def test_reading_1_what_is_no_text_is_unreadable_and_found_by_its_path_only(raw: bytes, line: int) -> None:
    """State, line and reason are told; the name stands for the title, and there is no text."""
    memory = parse(raw, "sub/name.md")

    assert (memory.state, memory.title, memory.body, memory.header) == ("unreadable", "name", "", None)
    assert memory.id == derived_id("sub/name.md")
    assert [problem.line for problem in memory.problems] == [line]


def test_reading_1_a_file_of_exactly_1_mib_is_read() -> None:
    """The limit itself is allowed."""
    assert parse(b"a" * (1 << 20), "x.md").state == "ok"


FENCES = [
    ("ends-at-three-dashes", b"---\ntitle: T\n---\nbody", "T", "body"),
    ("ends-at-three-dots", b"---\ntitle: T\n...\nbody", "T", "body"),
    ("ends-at-the-files-end", b"---\ntitle: T\n---", "T", ""),
    ("CRLF", b"---\r\ntitle: T\r\n---\r\nbody\r\n", "T", "body"),
    ("a-later-line-of-dashes-is-body", b"---\ntitle: T\n---\nbody\n\n---\n\nmore", "T", "body\n\n---\n\nmore"),
    ("dashes-in-a-block-text-are-its-own", b"---\ntitle: T\nsummary: |\n  ---\n---\nbody", "T", "body"),
    ("a-space-before-the-dashes", b" ---\ntitle: T\n---\nbody", "---", " ---\ntitle: T\n---\nbody"),
    ("a-space-after-the-dashes", b"--- \ntitle: T\n---\nbody", "---", "--- \ntitle: T\n---\nbody"),
    ("four-dashes", b"----\ntitle: T\n---\nbody", "----", "----\ntitle: T\n---\nbody"),
    ("not-the-first-line", b"\n---\ntitle: T\n---\nbody", "---", "---\ntitle: T\n---\nbody"),
    ("toml", b"+++\ntitle = 'T'\n+++\nbody", "+++", "+++\ntitle = 'T'\n+++\nbody"),
    ("json", b'{\n"title": "T"\n}\nbody', "{", '{\n"title": "T"\n}\nbody'),
    ("in-a-code-fence", b"```\n---\ntitle: T\n---\n```", "---", "```\n---\ntitle: T\n---\n```"),
]


@pytest.mark.parametrize(("raw", "title", "body"), [case[1:] for case in FENCES], ids=[case[0] for case in FENCES])
def test_reading_2_only_a_first_line_of_three_dashes_opens_a_header(raw: bytes, title: str, body: str) -> None:
    """It ends at the next line that is exactly `---` or `...`; TOML, JSON and later fences are body."""
    memory = parse(raw, "x.md")

    assert (memory.state, memory.title, memory.body) == ("ok", title, body)


def test_reading_3_yaml_is_read_without_types_and_any_key_name_is_allowed() -> None:
    """Every scalar is the text that was typed, every key name a name."""
    lines = "no: no\n1.10: 1.10\n012: 012\n2026-01-02: 2026-01-02\n~: ~\ncontent: 0x1F\nhandler: 12:30:45\nself: 1_000"

    memory = parse(headed(f"{lines}\ntitle: yes"), "x.md")

    assert memory.header
    assert dict(memory.header.values) == {
        "no": "no",
        "1.10": "1.10",
        "012": "012",
        "2026-01-02": "2026-01-02",
        "~": "~",
        "content": "0x1F",
        "handler": "12:30:45",
        "self": "1_000",
        "title": "yes",
    }
    assert memory.state == "ok"


DEEPEST = "a: " + "[" * 15 + "]" * 15
MALFORMED = [
    ("anchor", "title: T\na: &x 1", 3),
    ("alias", "a: &x 1\nb: *x", 2),
    ("alias-alone", "b: *x", 2),
    ("merge-key", "title: T\n<<: {a: b}", 3),
    ("tag", "title: T\nb: !tag x", 3),
    ("python-tag", "b: !!python/object/apply:os.system [true]", 2),
    ("tag-of-the-whole", "!!map\ntitle: T", 2),
    ("anchor-on-a-key", "&x title: T", 2),
    ("depth-above-16", "a: " + "[" * 16 + "]" * 16, 2),
    ("depth-of-mappings-above-16", "\n".join(" " * depth + "a:" for depth in range(18)), 18),
    ("larger-than-64-KiB", "title: " + "x" * (64 << 10), 1),
    ("larger-than-64-KiB-in-bytes", "title: " + "漢" * (22 << 10), 1),
    ("duplicate-key", "title: a\ntags: []\ntitle: b", 4),
    ("duplicate-key-in-a-mapping", "x: {a: 1, a: 2}", 2),
    ("list", "- a\n- b", 2),
    ("scalar", "only words", 2),
    ("tab-indented", "x:\n\ta: b", 3),
    ("colon-in-a-plain-title", "tags: []\ntitle: a: b", 3),
    ("at-sign", "title: @x", 2),
    ("backtick", "title: `x`", 2),
    ("unclosed-quote", 'title: "x', 3),
    ("unclosed-bracket", "tags: [a", 3),
    ("escape-character", "tags: []\ntitle: a\x1bb", 3),
    ("two-documents", "title: T\n--- \ntitle: U", 3),
    ("a-list-as-key", "? [a]\n: b", 2),
    ("a-key-without-a-colon", "title: T\n? alone", 3),
    ("a-word-in-braces", "{title}", 2),
]


@pytest.mark.parametrize(("lines", "line"), [case[1:] for case in MALFORMED], ids=[case[0] for case in MALFORMED])
def test_reading_3_and_4_a_header_that_is_more_than_needed_or_no_yaml_is_malformed(lines: str, line: int) -> None:
    """The whole text is searchable as body, the defaults hold, and line and reason are told."""
    raw = headed(lines)

    memory = parse(raw, "x.md")

    assert memory.state == "malformed"
    assert memory.body == raw.decode().strip()
    assert (memory.id, memory.type, memory.importance, memory.tags) == (derived_id("x.md"), "information", 5, ())
    assert memory.header is None
    assert [problem.line for problem in memory.problems] == [line]
    assert memory.problems[0].reason


@pytest.mark.parametrize(
    "lines",
    [DEEPEST, "x: 'a & b * c ! d << e'", "x: a &b *c !d", "? title\n: T", "x" * 1000 + ": long key", "a: b\n# &x *y"],
    ids=["16-levels", "quoted-signs", "signs-in-words", "explicit-key", "long-key", "signs-in-a-comment"],
)
def test_reading_3_what_only_looks_like_that_is_read(lines: str) -> None:
    """The limits themselves, and signs inside texts and comments, are allowed."""
    assert parse(headed(lines), "x.md").state == "ok"


def test_reading_4_a_header_without_an_end_is_malformed() -> None:
    """A first line `---` that no other line closes opens a header that cannot be read."""
    for raw in (b"---\ntitle: T\n\ntext\n", b"---", b"---\n", b"---\r\n", b"---\ntitle: T\n ---\n"):
        memory = parse(raw, "x.md")

        assert (memory.state, memory.problems[0].line, memory.body) == ("malformed", 1, raw.decode().strip())


CONFLICT = b"""# Plan
<<<<<<< HEAD
ours
=======
theirs
>>>>>>> topic
"""
CONFLICTS = [
    ("in-the-body", CONFLICT, 2),
    ("CRLF", CONFLICT.replace(b"\n", b"\r\n"), 2),
    ("in-the-header", b"---\n" + CONFLICT.replace(b"# Plan", b"title: T") + b"---\nbody ours", 3),
    ("after-a-good-header", b"---\ntitle: T\n---\n" + CONFLICT, 5),
    ("diff3", CONFLICT.replace(b"=======", b"||||||| base\nold\n======="), 2),
    ("without-labels", b"<<<<<<<\nours\n=======\ntheirs\n>>>>>>>", 1),
]


@pytest.mark.parametrize(("raw", "line"), [case[1:] for case in CONFLICTS], ids=[case[0] for case in CONFLICTS])
def test_reading_4_a_triple_of_conflict_markers_is_a_conflict_and_both_sides_are_searchable(
    raw: bytes, line: int
) -> None:
    """The memory is flagged with the line of the first marker, and keeps both sides' text."""
    memory = parse(raw, "x.md")

    assert memory.state == "conflict"
    assert "ours" in memory.body
    assert "theirs" in memory.body
    assert memory.problems[-1].line == line


@pytest.mark.parametrize(
    "raw",
    [
        b"Heading\n=======\n\ntext\n",
        b"<<<<<<< HEAD\nours\n=======\ntheirs\n",
        b">>>>>>> a\n=======\n<<<<<<< b\n",
        b"<<<<<<<< eight\n========\n>>>>>>>> eight\n",
        b"> <<<<<<< quoted\n> =======\n> >>>>>>> quoted\n",
        b"<<<<<<<HEAD\n=======\n>>>>>>>topic\n",
    ],
    ids=["setext-heading", "two-of-three", "wrong-order", "eight-signs", "quoted", "no-space"],
)
def test_reading_4_less_than_a_triple_is_no_conflict(raw: bytes) -> None:
    """A line of seven equal signs is a heading's underline until the other two markers stand around it."""
    assert parse(raw, "x.md").state == "ok"


def test_reading_5_the_other_keys_of_a_memory_with_wrong_values_are_good() -> None:
    """Every wrong value is told, each with its own line."""
    memory = parse(headed("importance: high\ntitle: T\ntags: {a: b}\ncreated: soon\ncategory: c"), "x.md")

    assert (memory.state, memory.title, memory.category, memory.importance) == ("ok", "T", "c", 5)
    assert sorted(reasons(memory)) == [(2, "importance"), (4, "tags"), (5, "created")]


# ---- 2. Writing


WRITTEN: list[tuple[str, bytes, dict[str, Value | None], bytes]] = [
    (
        "only-the-lines-of-the-changed-keys",
        b"---\n# mine\nb:   [1,2]   # odd\ntitle:  'old'  # why\nA: yes\n---\n\n    code\n\n\n",
        {"title": "new"},
        b"---\n# mine\nb:   [1,2]   # odd\ntitle:  new  # why\nA: yes\n---\n\n    code\n\n\n",
    ),
    (
        "new-keys-go-to-the-end-in-the-order-of-the-table",
        b"---\nzeta: 1\ncategory: c\n---\nbody\n",
        {"pinned": "true", "tags": ["x"], "id": "abc", "category": "d"},
        b"---\nzeta: 1\ncategory: d\nid: abc\ntags: [x]\npinned: true\n---\nbody\n",
    ),
    ("CRLF-stays", b"---\r\na: 1\r\n---\r\nbody\r\n", {"title": "T"}, b"---\r\na: 1\r\ntitle: T\r\n---\r\nbody\r\n"),
    ("LF-stays-though-the-body-has-CRLF", b"---\na: 1\n---\nx\r\n", {"title": "T"}, b"---\na: 1\ntitle: T\n---\nx\r\n"),
    ("the-BOM-stays", b"\xef\xbb\xbf---\ntitle: a\n---\n", {"title": "b"}, b"\xef\xbb\xbf---\ntitle: b\n---\n"),
    ("a-missing-final-newline-stays", b"---\ntitle: a\n---\nbody", {"title": "b"}, b"---\ntitle: b\n---\nbody"),
    ("an-end-of-dots-stays", b"---\ntitle: a\n...\nbody", {"id": "b"}, b"---\ntitle: a\nid: b\n...\nbody"),
    ("a-header-is-added-where-there-is-none", b"body\n", {"id": "abc"}, b"---\nid: abc\n---\n\nbody\n"),
    ("in-the-files-own-newlines", b"body\r\n", {"id": "abc"}, b"---\r\nid: abc\r\n---\r\n\r\nbody\r\n"),
    ("behind-the-BOM", b"\xef\xbb\xbfbody", {"id": "abc"}, b"\xef\xbb\xbf---\nid: abc\n---\n\nbody"),
    ("an-empty-header-is-filled", b"---\n---\nbody\n", {"id": "abc"}, b"---\nid: abc\n---\nbody\n"),
    (
        "a-removed-key-takes-its-lines",
        b"---\na: 1\ntags:\n  - x\n  - y\nb: 2\n---\n",
        {"tags": None},
        b"---\na: 1\nb: 2\n---\n",
    ),
    ("nothing-to-remove", b"---\na: 1\n---\n", {"tags": None}, b"---\na: 1\n---\n"),
    ("the-same-value", b"---\ntitle: 'T'\n---\n", {"title": "T"}, b"---\ntitle: 'T'\n---\n"),
    (
        "one-more-item-is-one-more-line",
        b"---\ntags:\n  - x  # why\n---\n",
        {"tags": ["x", "z"]},
        b"---\ntags:\n  - x  # why\n  - z\n---\n",
    ),
    (
        "one-item-less-is-one-line-less",
        b"---\ntags:\n- x\n- y\n- z\n---\n",
        {"tags": ["x", "z"]},
        b"---\ntags:\n- x\n- z\n---\n",
    ),
    (
        "an-item-more-in-brackets",
        b"---\ntags: [ x,  'y' ] # c\n---\n",
        {"tags": ["x", "y", "z"]},
        b"---\ntags: [ x,  'y', z ] # c\n---\n",
    ),
    (
        "emoji-and-CJK-are-not-escaped",
        b"---\ntitle: a\n---\n",
        {"title": "🎉 漢字"},
        '---\ntitle: "🎉 漢字"\n---\n'.encode(),
    ),
    ("CJK-alone-needs-no-quotes", b"---\ntitle: a\n---\n", {"title": "漢字"}, "---\ntitle: 漢字\n---\n".encode()),
    (
        "a-filled-value-keeps-its-comment",
        b"---\ntitle: # which?\n---\n",
        {"title": "T"},
        b"---\ntitle: T # which?\n---\n",
    ),
]


@pytest.mark.parametrize(
    ("raw", "changes", "expected"), [case[1:] for case in WRITTEN], ids=[case[0] for case in WRITTEN]
)
def test_writing_changes_only_the_lines_of_the_keys_that_change(
    raw: bytes, changes: dict[str, Value | None], expected: bytes
) -> None:
    """Unknown keys, key order, comments, quoting, line ends, the final newline and the body survive byte for byte."""
    assert patch(raw, parse(raw, "x.md"), changes) == expected


def test_a_new_memory_has_its_keys_in_the_order_of_the_table() -> None:
    """The keys, a blank line, the body, one final newline."""
    raw = compose({"pinned": "true", "tags": ["a", "b, c"], "title": "It's: new", "id": "abc"}, "\n\nBody.\n\n\n")

    assert raw == b'---\nid: abc\ntitle: "It\'s: new"\ntags: [a, "b, c"]\npinned: true\n---\n\nBody.\n'


SLUGS = [
    ("Always use ULIDs!", "always-use-ulids"),
    ("Über  Größe", "uber-groe"),
    ("漢字", "memory"),
    ("", "memory"),
    ("CON", "con-memory"),
    ("nul", "nul-memory"),
    ("Com1", "com1-memory"),
    ("nul.txt", "nul-txt"),
    (".hidden", "hidden"),
    ("../../etc/passwd", "etc-passwd"),
    ("-rf", "rf"),
    ("x" * 100, "x" * 60),
    ("word " * 30, ("word-" * 12).strip("-")),
]


@pytest.mark.parametrize(("title", "stem"), SLUGS, ids=[repr(title[:20]) for title, _ in SLUGS])
def test_a_new_file_is_named_by_its_slug_and_six_random_characters(title: str, stem: str) -> None:
    """The slug is the title in lower-case ASCII words joined by `-`, at most 60 bytes, and never a device's name."""
    name = file_name(title)

    assert slug(title) == stem
    assert name.startswith(f"{stem}-")
    assert name.endswith(".md")
    suffix = name[len(stem) + 1 : -3]
    assert len(suffix) == 6
    assert set(suffix) <= set("0123456789abcdefghjkmnpqrstvwxyz")


def test_two_files_of_one_title_get_two_names() -> None:
    """The random suffix keeps two clones that save one title from colliding."""
    assert len({file_name("The same") for _ in range(200)}) == 200


def test_nothing_volatile_has_a_key() -> None:
    """Access counts, last use and scores cannot be written."""
    for key in ("accessed", "access_count", "last_used", "score"):
        with pytest.raises(Invalid, match=key):
            compose({key: "1"}, "text")


def test_readers_keep_what_they_do_not_know() -> None:
    """Unknown keys, nested ones too, survive a change of another key byte for byte."""
    raw = b"---\nschema: 99\nnew: {a: [1, {b: c}]}\ntitle: T\n---\n[[a]]\n"

    assert patch(raw, parse(raw, "x.md"), {"title": "U"}) == raw.replace(b"title: T", b"title: U")

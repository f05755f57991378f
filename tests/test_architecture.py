"""The rules of the rooms: imports run downwards, one owner for each library, no room grows into a hall."""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import memfs as package
from tests.worlds import World

PACKAGE = Path(package.__file__).parent
SOURCES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
"""Every module of memfs, by name."""

LAYERS = (
    ("memfs", "memfs.errors"),
    (
        "memfs.values",
        "memfs.changes",
        "memfs.words",
        "memfs.scripts",
        "memfs.rank",
        "memfs.pack",
        "memfs.jsonc",
        "memfs.toml",
        "memfs.quality",
    ),
    ("memfs.untyped", "memfs.header"),
    ("memfs.memory",),
    ("memfs.query", "memfs.merging"),
    ("memfs.alike", "memfs.recalled", "memfs.locks", "memfs.scanning", "memfs.worktree"),
    ("memfs.lines",),
    ("memfs.config", "memfs.store", "memfs.git", "memfs.objects", "memfs.seen", "memfs.credentials", "memfs.foreign"),
    ("memfs.staging",),
    ("memfs.trust", "memfs.settings", "memfs.repository"),
    ("memfs.projects",),
    ("memfs.committing", "memfs.commits", "memfs.uniting", "memfs.network"),
    ("memfs.scope", "memfs.undo", "memfs.clients", "memfs.index", "memfs.semantic"),
    ("memfs.answers", "memfs.extras", "memfs.shelves"),
    ("memfs.history", "memfs.former", "memfs.archive", "memfs.checkout"),
    ("memfs.comparing",),
    ("memfs.workspace",),
    (
        "memfs.watch",
        "memfs.doctor",
        "memfs.feed",
        "memfs.heard",
        "memfs.sessions",
        "memfs.sharing",
        "memfs.looking",
        "memfs.trial",
    ),
    ("memfs.past", "memfs.learned"),
    ("memfs.syncing", "memfs.resolving"),
    ("memfs.brief", "memfs.publishing", "memfs.exporting"),
    ("memfs.faces",),
    ("memfs.__main__",),
)
"""Rooms from the ground up; a module may import what lies in a lower layer."""

SIDEWAYS = {("memfs.header", "memfs.untyped")}
"""The only imports within one layer; `untyped` is loaded when a header needs YAML."""

INSIDE: dict[str, tuple[tuple[str, ...], ...]] = {
    "memfs.index": (
        ("memfs.index.learned",),
        ("memfs.index.document", "memfs.index.record"),
        ("memfs.index.question",),
        ("memfs.index.folder",),
        ("memfs.index.asking",),
        ("memfs.index",),
    ),
    "memfs.semantic": (
        ("memfs.semantic.embedder", "memfs.semantic.passage"),
        ("memfs.semantic.minilm", "memfs.semantic.vectors", "memfs.semantic.wordllama"),
        ("memfs.semantic",),
    ),
    "memfs.workspace": (
        ("memfs.workspace.freshness",),
        ("memfs.workspace.names",),
        ("memfs.workspace.meaning",),
        ("memfs.workspace.edits", "memfs.workspace.finding", "memfs.workspace.health", "memfs.workspace.neighbours"),
        ("memfs.workspace.takeback", "memfs.workspace.saving"),
        ("memfs.workspace.moving", "memfs.workspace.folding"),
        ("memfs.workspace.parts",),
        ("memfs.workspace.tidying", "memfs.workspace.reverting"),
        ("memfs.workspace",),
    ),
    "memfs.watch": (
        ("memfs.watch.eyes",),
        ("memfs.watch.inotify", "memfs.watch.observer"),
        ("memfs.watch",),
    ),
    "memfs.faces": (
        ("memfs.faces",),
        ("memfs.faces.render", "memfs.faces.hooks"),
        ("memfs.faces.render_git",),
        ("memfs.faces.render_health",),
        ("memfs.faces.mcp.parameters",),
        ("memfs.faces.mcp.schemas", "memfs.faces.mcp.shapes", "memfs.faces.mcp.desk"),
        (
            "memfs.faces.mcp.arguments",
            "memfs.faces.mcp.news",
            "memfs.faces.mcp.tools",
            "memfs.faces.mcp.finding",
        ),
        ("memfs.faces.mcp.contexts", "memfs.faces.mcp.resources"),
        ("memfs.faces.mcp.prompts",),
        ("memfs.faces.mcp.server",),
        ("memfs.faces.mcp.http", "memfs.faces.mcp.stdio"),
        ("memfs.faces.mcp",),
        ("memfs.faces.cli.common", "memfs.faces.cli.compose"),
        (
            "memfs.faces.cli.find",
            "memfs.faces.cli.write",
            "memfs.faces.cli.tidy",
            "memfs.faces.cli.upkeep",
            "memfs.faces.cli.setup",
            "memfs.faces.cli.serve",
            "memfs.faces.cli.sharing",
            "memfs.faces.cli.projects",
            "memfs.faces.cli.watch",
            "memfs.faces.cli.hook",
            "memfs.faces.cli.git",
            "memfs.faces.cli.team",
            "memfs.faces.cli.past",
            "memfs.faces.cli.bench",
        ),
        ("memfs.faces.cli",),
    ),
}
"""The same within the rooms that are packages: nobody outside sees what lies below their front door."""

UPWARDS = {("memfs.faces.cli", "memfs.faces.cli.common")}
"""The command line loads its own modules late; their shared one is imported by name for errors."""

FACES_FRONT = {
    "memfs.faces.cli",
    "memfs.faces.render",
    "memfs.faces.render_git",
    "memfs.faces.render_health",
}
"""What lies in the package `faces` and is used from outside it: each face, and what they share."""

OWNERS = {
    "tantivy": ("memfs.index",),
    "yaml": ("memfs.untyped",),
    "frontmatter": ("memfs.untyped",),
    "tomllib": ("memfs.config",),
    "tomlkit": ("memfs.settings", "memfs.toml"),
    "platformdirs": ("memfs.config",),
    "click": ("memfs.faces.cli",),
    "rich": ("memfs.faces.cli",),
    "detect_secrets": ("memfs.credentials",),
    "regex": ("memfs.workspace.finding",),
    "git": ("memfs.git",),
    "watchdog": ("memfs.watch",),
    "mcp": ("memfs.faces.mcp",),
    "mcp_types": ("memfs.faces.mcp",),
    "anyio": ("memfs.faces.mcp",),
    "jsonschema": ("memfs.faces.mcp.arguments", "memfs.faces.mcp"),
    "starlette": ("memfs.faces.mcp.http",),
    "uvicorn": ("memfs.faces.mcp.http",),
    "numpy": ("memfs.semantic",),
    "safetensors": ("memfs.semantic",),
    "tokenizers": ("memfs.semantic",),
}
"""Foreign library to the one room that knows it. `tomllib` is listed because reading settings is config's alone."""

BROAD = {
    ("memfs.git", "_ended"): "kills what was started, and raises on",
    ("memfs.faces.cli", "run"): "the outermost line of a face",
    ("memfs.faces.hooks", "run"): "the outermost line of a face, beyond which an agent would be held up",
    ("memfs.faces.mcp.news", "run"): "what one client did must not keep the news from the others",
    ("memfs.faces.mcp.desk", "guarded"): "the outermost line of a face, beyond which a server would end",
    ("memfs.index.folder", "tantivy_calls"): "a panic of Rust derives from BaseException",
    ("memfs.semantic", "found"): "tokenizers raises Exception itself for a file that it cannot read",
    ("memfs.staging", "changed"): "puts the index back, and raises on",
    ("memfs.store", "_temporary"): "removes its temporary file, and raises on",
    ("memfs.watch", "_tell"): "whoever is told may fail, the watcher's thread goes on",
    ("memfs.workspace.edits", "announced"): "takes the announcement back, and raises on",
}
"""Function to the reason why it may catch everything."""

PURE = (
    "memfs.values",
    "memfs.changes",
    "memfs.words",
    "memfs.rank",
    "memfs.pack",
    "memfs.quality",
    "memfs.header",
    "memfs.alike",
    "memfs.query",
    "memfs.recalled",
    "memfs.untyped",
    "memfs.jsonc",
    "memfs.toml",
)
"""Modules that touch no disk; `memory` makes random ids, and touches none either."""

LONGEST_FUNCTION = 60
LONGEST_MODULE = 550
HEAVY = ("rich", "regex", "tomlkit", "detect_secrets", "mcp", "git", "watchdog", "asyncio", "numpy")
"""What a fresh process that only looks something up has no time for."""
CHANGING = ("edits", "saving", "folding", "moving", "takeback", "neighbours", "health")
"""The parts of the workspace that the same has no time for."""


@cache
def nodes_of(name: str) -> tuple[ast.AST, ...]:
    """Return every node of the syntax tree of the module *name*, the module first; it is read once for all tests."""
    return tuple(ast.walk(ast.parse(SOURCES[name].read_text(encoding="utf-8"))))


@cache
def imports_of(name: str) -> tuple[tuple[str, int], ...]:
    """Return every module that the module *name* imports, early, late or for types alone, with the line."""
    imported = []
    for node in nodes_of(name):
        if isinstance(node, ast.Import):
            imported += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}:{node.lineno} imports relatively"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                imported.append((whole if whole in SOURCES else str(node.module), node.lineno))
    return tuple(imported)


def room_of(name: str) -> str:
    """Return the room that the module *name* lies in: itself, or the package that it is a part of."""
    return next((room for room in INSIDE if name == room or name.startswith(f"{room}.")), name)


def height(layers: tuple[tuple[str, ...], ...], name: str) -> int:
    """Return the layer of *name*."""
    found = [number for number, layer in enumerate(layers) if name in layer]
    assert len(found) == 1, f"{name} has no place in the table of layers: give it one, and say so in the design"
    return found[0]


def functions_of(name: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function and method of the module *name*."""
    for node in nodes_of(name):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_imports_run_downwards_only() -> None:
    """No room imports from a higher layer, nor from its own but where the table says so."""
    wrong = []
    for name in SOURCES:
        for imported, line in imports_of(name):
            here, there = room_of(name), room_of(imported)
            if imported not in SOURCES or here == there or (here, there) in SIDEWAYS:
                continue
            if height(LAYERS, there) >= height(LAYERS, here):
                wrong.append(f"{name}:{line} imports {imported}")

    assert wrong == []


def test_within_a_package_imports_run_downwards_too() -> None:
    """The modules of a package have layers of their own, its front door on top."""
    wrong = []
    for name in SOURCES:
        for imported, line in imports_of(name):
            room = room_of(name)
            if (
                imported not in SOURCES
                or room not in INSIDE
                or room != room_of(imported)
                or (name, imported) in UPWARDS
            ):
                continue
            if height(INSIDE[room], imported) >= height(INSIDE[room], name):
                wrong.append(f"{name}:{line} imports {imported}")

    assert wrong == []


def test_nobody_reaches_behind_the_front_door_of_a_package() -> None:
    """What lies within a package is imported by that package alone, but what the faces share."""
    wrong = [
        f"{name}:{line} imports {imported}"
        for name in SOURCES
        for imported, line in imports_of(name)
        if imported in SOURCES
        and room_of(imported) != imported
        and room_of(imported) != room_of(name)
        and imported not in FACES_FRONT
    ]

    assert wrong == []


def test_the_core_knows_no_face() -> None:
    """Only `__main__` imports a face, so a face can be taken away or added without touching the core."""
    users = {
        name
        for name in SOURCES
        for imported, _ in imports_of(name)
        if imported.startswith("memfs.faces") and not name.startswith("memfs.faces")
    }

    assert users == {"memfs.__main__"}


@pytest.mark.parametrize("library", OWNERS)
def test_each_foreign_library_has_one_owner(library: str) -> None:
    """A library that is to be exchanged, or that misbehaves, concerns one room."""
    users = {
        name for name in SOURCES for imported, _ in imports_of(name) if imported.split(".", maxsplit=1)[0] == library
    }

    assert {name for name in users if not name.startswith(OWNERS[library])} == set()


def test_no_library_is_used_that_has_no_owner() -> None:
    """Whatever does not come with Python is in the table of owners."""
    foreign = {imported.split(".", maxsplit=1)[0] for name in SOURCES for imported, _ in imports_of(name)}

    assert foreign - sys.stdlib_module_names - {"memfs"} <= OWNERS.keys()


@pytest.mark.parametrize("name", PURE)
def test_pure_modules_touch_no_disk(name: str) -> None:
    """What computes can be tested, and trusted, without a file."""
    touching = {"os", "pathlib", "shutil", "tempfile", "subprocess", "socket", "fcntl", "io"}

    assert {imported for imported, _ in imports_of(name)} & touching == set()
    calls = [node.func for node in nodes_of(name) if isinstance(node, ast.Call)]
    assert [call.id for call in calls if isinstance(call, ast.Name) and call.id == "open"] == []


@pytest.mark.parametrize("name", SOURCES)
def test_a_module_says_what_it_is_and_stays_small(name: str) -> None:
    """Each module has a docstring and at most 550 lines."""
    text = SOURCES[name].read_text(encoding="utf-8")

    module = nodes_of(name)[0]

    assert isinstance(module, ast.Module)
    assert ast.get_docstring(module), f"{name} has no docstring"
    assert len(text.splitlines()) <= LONGEST_MODULE
    assert len(text.splitlines()) < 20 or "from __future__ import annotations" in text


def test_no_function_is_longer_than_a_screen() -> None:
    """Sixty lines with signature and docstring; longer ones are several."""
    long = {
        f"{name}.{function.name}": (function.end_lineno or 0) - function.lineno + 1
        for name in SOURCES
        for function in functions_of(name)
    }

    assert {name: lines for name, lines in long.items() if lines > LONGEST_FUNCTION} == {}


def test_everything_is_caught_only_where_the_table_says_so() -> None:
    """A broad `except` hides faults; each one there is has its reason."""
    found = set()
    for name in SOURCES:
        for function in functions_of(name):
            for node in ast.walk(function):
                if isinstance(node, ast.ExceptHandler):
                    caught = "" if node.type is None else ast.unparse(node.type)
                    if caught in ("", "Exception", "BaseException"):
                        found.add((name, function.name))

    assert found == set(BROAD)


def test_nothing_prints_past_the_renderer() -> None:
    """Text reaches people through `say` and programs through `tell`: what steers a terminal is taken out there."""
    wrong = [
        f"{name}:{node.lineno}"
        for name in SOURCES
        for node in nodes_of(name)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("print", "breakpoint")
    ]

    assert wrong == []


def test_no_thread_but_the_watchers_and_no_socket_but_the_servers() -> None:
    """Nothing else runs in the background or talks to a network: `threading` is there for locks."""
    starters = {"Thread", "ThreadPoolExecutor", "ProcessPoolExecutor", "Timer", "create_task"}
    wrong = []
    for name in SOURCES:
        imported = {module.split(".", maxsplit=1)[0] for module, _ in imports_of(name)}
        names = {node.attr for node in nodes_of(name) if isinstance(node, ast.Attribute)}
        names |= {node.id for node in nodes_of(name) if isinstance(node, ast.Name)}
        if not name.startswith(("memfs.watch", "memfs.faces.mcp")) and (
            imported & {"socket", "http", "urllib", "asyncio", "multiprocessing"} or names & starters
        ):
            wrong.append(name)

    assert wrong == []


LOADED = """
import json, os, sys
sys.argv = ["memfs", *sys.argv[1:]]
from memfs.faces.cli import run
code = run()
sys.stderr.write(json.dumps(sorted(sys.modules)))
sys.stderr.flush()
os._exit(code)
"""


def loaded_by(world: World, *arguments: str) -> set[str]:
    """Return the modules that the command `memfs` with *arguments* loads; fails when it fails."""
    world.folder()
    process = world.start(
        f"import os; os.chdir('project')\n{LOADED}",
        *arguments,
    )
    _, modules = process.communicate()
    assert process.returncode == 0, modules
    return set(json.loads(modules))


def test_asking_for_the_version_loads_next_to_nothing(world: World) -> None:
    """`memfs --version` loads click and no room beside the front door."""
    loaded = loaded_by(world, "--version")

    assert loaded & {*HEAVY, "yaml", "frontmatter", "tantivy", "platformdirs", "tomllib"} == set()
    assert {name for name in loaded if name.startswith("memfs")} <= {"memfs", "memfs.faces", "memfs.faces.cli"}


def test_looking_up_a_memory_loads_only_what_that_takes(world: World) -> None:
    """`memfs get ID` of a plain header needs the index, and neither YAML nor what makes things pretty."""
    saved = world.open().save("Deploy on Fridays.", {"tags": ["deploy"]}).entry.memory.id

    loaded = loaded_by(world, "get", saved)

    assert loaded & {"memfs.undo", *(f"memfs.workspace.{name}" for name in CHANGING)} == set()
    assert loaded & {*HEAVY, "yaml", "frontmatter", "difflib", "shutil", "subprocess"} == set()
    assert "tantivy" in loaded


def test_a_header_that_needs_yaml_loads_it(world: World) -> None:
    """The test above can fail: the same command loads YAML when a header is more than plain lines."""
    (world.folder() / ".memory" / "a.md").write_text("---\nid: abc\nlinks:\n  - {type: supersedes, to: x}\n---\ntext\n")

    assert "yaml" in loaded_by(world, "get", "abc")

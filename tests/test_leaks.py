"""Random worlds of stores, groups, channels and flags: nothing that anybody is told names what they may not see."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC
from datetime import datetime
from fnmatch import fnmatchcase
from itertools import chain
from pathlib import Path

import pytest

from memfs import brief
from memfs import doctor
from memfs import feed
from memfs import looking
from memfs import memory as memories
from memfs import trust
from memfs.errors import MemfsError
from memfs.faces import render
from memfs.faces import render_health
from memfs.faces.mcp import resources
from memfs.faces.mcp.desk import Client
from memfs.faces.mcp.desk import Desk
from memfs.heard import Ledger
from memfs.semantic import found
from memfs.workspace import Workspace
from tests.worlds import World
from tests.worlds import new_world
from tests.worlds import rounds

PROJECTS = ("ant", "bee", "cat", "dog")
GROUPS = ("red", "blue")
CHANNELS = ("api-one", "api-two", "ops")
PATTERNS = ("api-*", "api-one", "ops", "*")
MODES = ("isolated", "global", "hybrid")


class Model:
    """What the user has set up, and which files there are: from it alone follows who may see what."""

    def __init__(self, world: World, rng: random.Random) -> None:
        self.world = world
        self.rng = rng
        self.members: dict[str, set[str]] = {group: set() for group in GROUPS}
        self.shares: dict[str, bool] = dict.fromkeys(GROUPS, False)
        self.private: set[str] = set()
        self.known: set[str] = set()
        self.subscribed: dict[str, set[str]] = {name: set() for name in ("", *PROJECTS)}
        self.mode = dict.fromkeys(PROJECTS, "hybrid")
        self.cross = False
        self.number = 0
        self.seen: dict[str, set[str]] = {}
        for name in PROJECTS:
            world.folder(name)
        self.configure()

    # ---- the truth, read from files

    def stores(self) -> dict[str, Path]:
        """Return each store's folder by what the model calls it."""
        own = {name: self.world.root / name / ".memory" for name in PROJECTS}
        groups = {f"group:{group}": self.world.home / "groups" / group for group in GROUPS}
        return {**own, **groups, "global": self.world.home / "global"}

    def files(self) -> dict[Path, tuple[str, frozenset[str], str]]:
        """Return store, channels and secret word of each memory there is; what no channel brings is in none."""
        found = {}
        for store, folder in self.stores().items():
            for path in sorted(folder.rglob("*.md")) if folder.is_dir() else ():
                raw = path.read_bytes()
                memory = memories.parse(raw, path.name)
                places = trust.places_of(folder.parent)
                spoken = store not in PROJECTS or trust.vouches(self.world.state, places, memories.digest(raw))
                found[path] = store, frozenset(memory.channels if spoken else ()), memory.tags[0]
        return found

    def sees(self, project: str, store: str, channels: frozenset[str]) -> bool:
        """Return whether *project* sees a memory of *store* that is in *channels*: the rules, once more."""
        mode = self.mode[project]
        if store == project:
            return mode != "global"
        if store == "global":
            return mode != "isolated"
        if mode != "hybrid" or store in self.private:
            return False
        group = store.removeprefix("group:")
        if group in GROUPS and project in self.members[group]:
            return True
        if store in PROJECTS and any({project, store} <= self.members[each] and self.shares[each] for each in GROUPS):
            return True
        patterns = self.subscribed[""] | self.subscribed[project]
        heard = any(fnmatchcase(channel, pattern) for channel in channels for pattern in patterns)
        return heard and (store.startswith("group:") or store in self.known)

    def asked_across(self, project: str, store: str, channels: frozenset[str]) -> bool:
        """Return whether a question across projects that is asked in *project* may be answered from there."""
        return store in self.known - self.private or self.sees(project, store, channels)

    # ---- what may happen

    def configure(self) -> None:
        """Write config.toml."""
        lines = [f"cross_project = {str(self.cross).lower()}", f"channels = {sorted(self.subscribed[''])}"]
        for name in PROJECTS:
            lines += [f'[workspaces."{self.world.root / name}"]', f'mode = "{self.mode[name]}"']
            lines += [f"private = {str(name in self.private).lower()}", f"channels = {sorted(self.subscribed[name])}"]
        for group in GROUPS:
            paths = [str(self.world.root / name) for name in sorted(self.members[group])]
            lines += [
                f"[groups.{group}]",
                f"members = {paths}",
                f'share = "{["store", "members"][self.shares[group]]}"',
            ]
        self.world.config("\n".join(lines).replace("'", '"') + "\n")

    def text(self) -> str:
        """Return a new memory's file, whose every word that could be told is its own."""
        self.number += 1
        word = f"zq{self.number:04d}w"
        channels = self.rng.sample(CHANNELS, self.rng.choice([0, 0, 1, 2]))
        pinned = self.rng.choice(["true", "false"])
        about = self.rng.choice(["src/a.py", "src/*", f"{word}.py"])
        head = f"id: {word}id\ntitle: Title {word}\ntags: [{word}]\ncategory: {word}\nchannels: {channels}"
        return f"---\n{head}\npinned: {pinned}\nimportance: 9\nabout: ['{about}']\n---\nCommon words and {word}.\n"

    def step(self) -> None:
        """Let one thing happen, at random."""
        happen = self.rng.choice([
            self.written, self.written, self.written, self.edited, self.removed, self.moved_by_hand, self.moved,
            self.setting, self.setting, self.used, self.trusting, self.cache_lost,
        ])  # fmt: skip
        happen()

    def written(self) -> None:
        """A file is put into some store."""
        folder = self.rng.choice(list(self.stores().values()))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"n{self.number + 1}.md").write_text(self.text())

    def edited(self) -> None:
        """A person edits a file: it leaves its channels, or comes into others."""
        if files := list(self.files()):
            path = self.rng.choice(files)
            lines = path.read_text().splitlines()
            at = next(number for number, line in enumerate(lines) if line.startswith("channels:"))
            lines[at] = f"channels: {self.rng.sample(CHANNELS, self.rng.choice([0, 1]))}"
            path.write_text("\n".join(lines) + "\n")

    def removed(self) -> None:
        """A file goes."""
        if files := list(self.files()):
            self.rng.choice(files).unlink()

    def moved_by_hand(self) -> None:
        """A file is moved to another store."""
        if files := list(self.files()):
            path, folder = self.rng.choice(files), self.rng.choice(list(self.stores().values()))
            folder.mkdir(parents=True, exist_ok=True)
            path.rename(folder / path.name)

    def moved(self) -> None:
        """An agent moves, changes or forgets what it can name."""
        here = self.open(self.rng.choice(PROJECTS))
        entries = here.list(limit=100).entries
        if entries:
            entry = self.rng.choice(entries)
            with suppress(MemfsError):
                here.move(entry.memory.id, self.rng.choice(["workspace", "global", "group:red", "group:blue"]))

    def setting(self) -> None:
        """The user changes their mind."""
        name, group = self.rng.choice(PROJECTS), self.rng.choice(GROUPS)
        pattern, who = self.rng.choice(PATTERNS), self.rng.choice(["", *PROJECTS])
        for where, what in self.rng.sample(
            [(self.members[group], name), (self.private, name), (self.subscribed[who], pattern)], 2
        ):
            where.symmetric_difference_update({what})
        self.shares[group] = self.rng.random() < 0.6
        self.mode[name] = self.rng.choice([*MODES, "hybrid", "hybrid"])
        self.cross = self.rng.random() < 0.5
        self.configure()

    def trusting(self) -> None:
        """The user trusts a project, or no longer."""
        name = self.rng.choice(PROJECTS)
        here = self.open(name)
        if self.rng.random() < 0.5 and here.view.mode != "global":
            looking.accept(here)
        else:
            trust.set_trusted(self.world.state, self.world.root / name, trusted=self.rng.random() < 0.5)

    def used(self) -> None:
        """Somebody works in a project."""
        self.open(self.rng.choice(PROJECTS)).list()

    def cache_lost(self) -> None:
        """The index and the record of changes are gone."""
        if self.rng.random() < 0.3:
            shutil.rmtree(self.world.cache, ignore_errors=True)

    def open(self, project: str) -> Workspace:
        """Return the workspace of *project*."""
        here = self.world.open(self.world.root / project)
        if here.view.mode != "global":
            self.known.add(project)
        return here


def told(model: Model, here: Workspace, cursors: dict[str, str]) -> Iterator[str]:
    """Yield all that somebody who stands in *here* is told, whatever they ask."""
    files = model.files()
    words = [word for _, _, word in files.values()] or ["nothing"]
    for question in ("common words", *words):
        for semantic in (False, bool(found().embedder)):
            results = here.search(question, limit=100, semantic=semantic)
            yield json.dumps({**render.results_json(results), "query": ""})
    yield json.dumps(render.listing_json(here.list(limit=100)))
    yield json.dumps(render_health.status_json(here.status()))
    yield json.dumps(render_health.report_json(doctor.examine(here)))
    for field in ("tag", "type", "category", "channel"):
        yield json.dumps(here.values(field))
    for entry in here.about("src/a.py"):
        yield entry.memory.title
    for path, (_, _, word) in files.items():
        for reference in (f"{word}id", f"{word}i", f"Title {word}", path.name, str(path)):
            try:
                yield here.get(reference).memory.body
            except MemfsError as error:
                yield str(error).replace(reference, "")
    now = datetime.now(UTC)
    news = feed.since(here, cursors.get(str(here.view.workspace), ""))
    cursors[str(here.view.workspace)] = news.cursor
    yield repr([(each.title, each.place.path.name) for each in news.happenings if each.what != "removed"])
    yield brief.opening(here, now).text
    with Ledger(here.config.state).session(f"session in {here.view.workspace.name}") as heard:
        yield brief.prompted(here, heard, f"Common words, {' and '.join(words[:20])}", now).text


def told_to_agents(model: Model, here: Workspace) -> Iterator[str]:
    """Yield what a client of the server reads and is offered."""
    desk = Desk(here.view.workspace, None, lambda _: None, model.world.environ)
    try:
        yield from read(Client(desk), model)
    finally:
        desk.close()


def read(client: Client, model: Model) -> Iterator[str]:
    """Yield what *client* reads at each address, and what it is offered to complete what was typed."""
    words = [word for _, _, word in model.files().values()]
    fixed = [kind.fixed for kind in resources.KINDS if kind.fixed and "changes" not in kind.uri]
    named = [f"memory://{scope}by-tag/{word}" for word in words for scope in ("", "global/")]
    named += [f"memory://memory/{word}id" for word in words] + ["memory://search?q=common+words"]
    for uri in (*fixed, *named):
        with suppress(MemfsError):
            answer = resources.read(client, uri)
            yield json.dumps({key: value for key, value in answer.items() if key not in ("tag", "query")})
    yield repr(resources.newest(client))
    for name in ("tag", "type", "id", "session_id", "q"):
        for typed in ("", "z", "zq", "title", "common"):
            yield repr(resources.complete(client, name, typed))


@pytest.mark.no_cover  # repeats what is measured elsewhere
@pytest.mark.parametrize("seed", [*range(6), pytest.param(None, marks=pytest.mark.soak)])
def test_whatever_is_asked_names_only_what_the_view_shows(tmp_path: Path, seed: int | None) -> None:
    """Hits, lists, counts, names, suggestions, errors, news and what hooks tell, after each of many random steps."""
    for number in [seed] if seed is not None else rounds(10_000):
        rng = random.Random(number + 100 if seed is None else seed)
        model = Model(new_world(tmp_path / f"world{number}"), rng)
        cursors: dict[str, str] = {}
        for _ in range(8):
            for _ in range(rng.randint(1, 6)):
                model.step()
            check(model, rng.choice(PROJECTS), cursors)


def check(model: Model, project: str, cursors: dict[str, str]) -> None:
    """Check that in *project* all that may be seen is found, and that nothing else is named."""
    here = model.open(project)
    files = model.files()
    visible = {word for store, channels, word in files.values() if model.sees(project, store, channels)}
    hidden = {word for _, _, word in files.values()} - visible

    for text in chain(told(model, here, cursors), told_to_agents(model, here)):
        lines = text.splitlines()
        gone = [line for line in lines if line.startswith("- removed: ")]
        present = "\n".join(line for line in lines if line not in gone)
        assert not [word for word in hidden if word in present], (project, text)
        # what is gone is only named to those who saw it
        assert not [word for word in hidden - model.seen.get(project, set()) if word in "".join(gone)], (project, text)
    model.seen[project] = visible
    assert {entry.memory.tags[0] for entry in here.list(limit=100).entries} == visible

    if not model.cross:
        with pytest.raises(MemfsError, match="switched off"):
            here.across()
        return
    across = here.across()
    may = {word for store, channels, word in files.values() if model.asked_across(project, store, channels)}
    found = {entry.memory.tags[0]: entry.store.scope for entry in across.list(limit=100).entries}
    assert found.keys() == may, (project, found, model.known, model.private)
    for word in (word for _, _, word in files.values()):
        assert {hit.entry.memory.tags[0] for hit in across.search(f"tag:{word}", limit=100).hits} == {word} & may

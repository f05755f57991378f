"""Scopes do not leak: whatever is asked, nothing of a store outside the view is named, counted or touched."""

from __future__ import annotations

import json
import random
import re
import shutil
import tempfile
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from memfs import doctor
from memfs.errors import MemfsError
from memfs.errors import NotFound
from memfs.faces import render
from memfs.faces import render_health
from memfs.memory import derived_id
from memfs.query import Filters
from memfs.workspace import Workspace
from tests.commands import memfs
from tests.worlds import SOAK_SECONDS
from tests.worlds import World
from tests.worlds import files_below
from tests.worlds import new_world

PROJECTS = ("one", "two", "three")
GROUPS = ("red", "blue")
FIELDS = ("tag", "type", "category", "channel", "id", "name", "place", "path", "store", "handle")


class Kept(NamedTuple):
    """A store with memories, each of which has a *handle* that is asked for and a *secret* that must not come back."""

    key: str
    root: Path

    @property
    def secret(self) -> str:
        """Return what stands in each of its texts, and in no question."""
        return f"secret{self.key}q"

    @property
    def handle(self) -> str:
        """Return what its memories are called by."""
        return f"handle{self.key}z"


class Setting(NamedTuple):
    """A machine with several projects, groups and a global store."""

    world: World
    stores: dict[str, Kept]
    modes: dict[str, str]
    members: dict[str, tuple[str, ...]]

    def visible(self, project: str, mode: str) -> set[str]:
        """Return the stores that the format lets *project* see under *mode*."""
        own = {project} if mode != "global" else set()
        groups = {group for group, members in self.members.items() if project in members and mode == "hybrid"}
        return own | groups | ({"global"} if mode != "isolated" else set())

    def hidden(self, project: str, mode: str) -> list[Kept]:
        """Return the others."""
        seen = self.visible(project, mode)
        return [store for key, store in self.stores.items() if key not in seen]


def fill(store: Kept) -> None:
    """Write memories that are alike in every store but for their handle and their secret."""
    store.root.mkdir(parents=True)
    handle, secret = store.handle, store.secret
    for number in range(2):
        header = {
            "id": f"{handle}{number}",
            "title": f"The {handle} {number} of {secret}",
            "tags": [f"tag{secret}", "common"],
            "category": f"cat{secret}",
            "channels": [f"chan{secret}"],
            "summary": f"sum {secret}",
            "cues": [f"cue {secret} {handle}"],
            "type": f"type{secret}",
        }
        text = f"---\n{json.dumps(header)}\n---\nA common zebra, {handle}, see src/{handle}/x.py: {secret}.\n"
        (store.root / f"{handle}{number}.md").write_text(text)
    (store.root / "same.md").write_text(f"A common zebra without an id. {handle} {secret}\n")
    (store.root / "twin.md").write_text(f"---\nid: twin\ntitle: One title\n---\n{handle} {secret}\n")
    (store.root / "bad.md").write_text(f"---\na: [ {secret}\n---\n{handle} {secret}\n")
    (store.root / "old.md").write_text(f"---\nid: old{handle}\nexpires: 2020-01-01\n---\n{handle} {secret}\n")
    (store.root / f"{handle}-sub").mkdir()
    (store.root / f"{handle}-sub" / "deep.md").write_text(f"{handle} {secret}\n")


@contextmanager
def setting(
    modes: dict[str, str], members: dict[str, tuple[str, ...]], weights: tuple[float, float, float]
) -> Iterator[Setting]:
    """Make a machine on which all stores are full and indexed, and each project has forgotten and moved a memory."""
    folder = Path(tempfile.mkdtemp(prefix="memfs-leak-"))
    try:
        world = new_world(folder)
        roots = {project: folder / f"{project}-project" / ".memory" for project in PROJECTS}
        roots |= {group: world.home / "groups" / group for group in GROUPS} | {"global": world.home / "global"}
        stores = {key: Kept(key, root) for key, root in roots.items()}
        for store in stores.values():
            fill(store)
        lines = [
            f"[workspaces.{json.dumps(str(roots[project].parent))}]\nmode = '{modes[project]}'" for project in modes
        ]
        lines += [
            f"[groups.{group}]\nmembers = {json.dumps([str(roots[project].parent) for project in members[group]])}"
            for group in members
        ]
        lines.append("[weights]\nworkspace = {}\ngroup = {}\nglobal = {}".format(*weights))
        world.config("\n".join(lines))
        made = Setting(world, stores, modes, members)
        for project in PROJECTS:
            here = world.open(roots[project].parent, mode="hybrid")
            here.search("zebra")
            secret = stores[project].secret
            for verb in ("forgotten", "moved", "updated"):
                entry = here.save(
                    f"{verb}{project} {secret}", {"id": f"{verb}{project}", "title": f"{verb} {secret}"}
                ).entry
                if verb == "forgotten":
                    here.forget(entry.memory.id)
                elif verb == "updated":
                    here.update(entry.memory.id, {"tags": [secret]})
        yield made
    finally:
        shutil.rmtree(folder)


def questions(store: Kept) -> Iterator[str]:
    """Yield what somebody might ask to get at *store*: never its secret."""
    handle, root = store.handle, store.root
    yield from (
        handle,
        f'"{handle}"',
        f"{handle} zebra",
        handle[:-2],
        f"{handle[:5]}x{handle[5:]}",
        f"src/{handle}/x.py",
    )
    yield from (f"path:{handle}", "path:*", f"path:{root}", f"{handle} -nothing", f"-{handle}", "importance:1..10")
    yield from ("tag:common", f"tag:{handle}", "type:information", "created:>1900-01-01", "common zebra", "*", "", "a")
    yield from ("scope:global", "scope:group:red", "-scope:workspace", "scope:workspace", f"scope:{root}")


def names(store: Kept) -> Iterator[str]:
    """Yield every name that a memory of *store* answers to from where it is visible, and some that come near."""
    handle, root = store.handle, store.root
    yield from (
        f"{handle}0",
        f"{handle[:-1]}",
        f"{handle}0"[:8],
        f"{handle}0.md",
        "same.md",
        "twin",
        "One title",
        "bad.md",
    )
    yield from (str(root / f"{handle}0.md"), str(root / "same.md"), str(root / "nothing.md"), str(root))
    yield from (derived_id(f"{handle}-sub/deep.md"), f"{handle}-sub/deep.md", f"old{handle}", f"The {handle} 0 of")
    yield from (
        f"../../{root.parent.name}/.memory/same.md",
        f"forgotten{store.key}",
        f"moved{store.key}",
        f"updated{store.key}",
    )


def told(ask: Callable[[], object]) -> str:
    """Return all that an answer, or the error instead of it, has to say."""
    try:
        return str(ask())
    except MemfsError as error:
        return f"{error} {render.to_json(render.error_json(error))} {error.__dict__}"


Ask = Callable[[], object]


def looks(here: Workspace, store: Kept) -> Iterator[tuple[str, Ask]]:
    """Yield every question about *store* that can be put to *here*."""
    everything = Filters(expired=True)
    for text in questions(store):
        yield f"search {text}", partial(here.search, text, limit=100)
        yield f"search {text}, expired too", partial(here.search, text, filters=everything)
    for pattern in (".*", store.handle, "zebra|secret", "^"):
        yield f"regex {pattern}", partial(here.search, "", regex=pattern, limit=100)
    for scope in ("workspace", "global", "group:red", "group:blue", "group:none", str(store.root), "", "*"):
        yield f"list {scope}", partial(here.list, filters=Filters(scopes=(scope,), expired=True), limit=100)
    for name in names(store):
        yield f"get {name}", partial(here.get, name)
        yield f"history {name}", partial(here.history, name)
    for field in FIELDS:
        yield f"values {field}", partial(here.values, field)
    yield "status", lambda: render.to_json(render_health.status_json(here.status()))
    yield "doctor", lambda: render.to_json(render_health.report_json(doctor.examine(here)))
    yield "twins", here.twins


def writes(here: Workspace, store: Kept) -> Iterator[tuple[str, Ask]]:
    """Yield every attempt to change a memory of *store* from *here*."""
    for name in names(store):
        yield f"update {name}", partial(here.update, name, {"category": "x"})
        yield f"move {name}", partial(here.move, name, "workspace")
        yield f"move {name} away", partial(here.move, name, "global")
        yield f"forget {name}", partial(here.forget, name)
        yield f"restore {name}", partial(here.restore, name)
    yield from ((f"undo {number}", here.undo) for number in range(12))


def check(
    made: Setting, project: str, mode: str, chosen: Callable[[list[tuple[str, Ask]]], list[tuple[str, Ask]]]
) -> None:
    """Assert that *project* under *mode* learns and changes nothing of what it may not see, by what is *chosen*."""
    here = made.world.open(made.stores[project].root.parent, mode=mode)
    hidden = made.hidden(project, mode)
    before = {store.key: files_below(store.root) for store in hidden}
    asked = chosen([ask for store in made.stores.values() for ask in looks(here, store)])
    tried = chosen([ask for store in hidden for ask in writes(here, store)])
    hits = here.search("common zebra", limit=100).hits

    assert {re.findall(r"secret(\w+)q", hit.entry.memory.body)[0] for hit in hits} == made.visible(project, mode)
    for question, ask in (*asked, *tried):
        answer = told(ask)
        for store in hidden:
            assert store.secret not in answer, f"{project}, {mode}: {question!r} tells of {store.key}"
    assert {store.key: files_below(store.root) for store in hidden} == before


machines = st.tuples(
    st.dictionaries(st.sampled_from(PROJECTS), st.sampled_from(("isolated", "global", "hybrid"))),
    st.dictionaries(st.sampled_from(GROUPS), st.lists(st.sampled_from(PROJECTS), unique=True, max_size=2).map(tuple)),
    st.tuples(*[st.sampled_from((1.0, 0.95, 0.5, 0.01))] * 3),
)
"""Modes by project, members by group, weights."""


Machine = tuple[dict[str, str], dict[str, tuple[str, ...]], tuple[float, float, float]]
modes = st.sampled_from(("isolated", "global", "hybrid"))


def check_machine(machine: Machine, project: str, mode: str, seed: int, count: int) -> None:
    """Put *count* questions, and as many attempts to change something, on one machine."""
    rng = random.Random(seed)
    with setting(*machine) as made:
        check(made, project, mode, lambda asks: rng.sample(asks, min(count, len(asks))))
        own = made.modes.get(project, "isolated")
        here = made.world.open(made.stores[project].root.parent)
        assert here.view.mode == own
        assert {store.root for store in here.view.stores} == {
            made.stores[key].root for key in made.visible(project, own)
        }


@settings(max_examples=12)
@given(machines, st.sampled_from(PROJECTS), modes, st.integers(0, 1 << 32))
def test_nothing_of_a_store_outside_the_view_is_ever_named(
    machine: Machine, project: str, mode: str, seed: int
) -> None:
    """Random machines, modes and weights; words, phrases, filters, patterns, ids, paths, titles, journal and doctor."""
    check_machine(machine, project, mode, seed, 40)


@pytest.mark.soak
def test_nothing_of_a_store_outside_the_view_is_named_in_a_long_run() -> None:
    """Everything that can be asked, on as many machines as there is time for."""
    deadline = time.monotonic() + SOAK_SECONDS

    @settings(max_examples=5)
    @given(machines, st.sampled_from(PROJECTS), modes, st.integers(0, 1 << 32))
    def ask_all(machine: Machine, project: str, mode: str, seed: int) -> None:
        check_machine(machine, project, mode, seed, 10_000)

    while time.monotonic() < deadline:
        ask_all()


@pytest.fixture
def made() -> Iterator[Setting]:
    """Return a machine on which `one` and `two` share the group red, and `three` is alone."""
    with setting({}, {"red": ("one", "two")}, (1.0, 0.95, 0.9)) as made:
        yield made


def test_a_hidden_memory_and_one_that_never_was_are_told_apart_by_nothing(made: Setting) -> None:
    """The error for another project's id, title or path is, but for the name, the one for a name that nothing has."""
    here = made.world.open(made.stores["one"].root.parent)
    other = made.stores["two"]

    for name in (
        f"{other.handle}0",
        f"The {other.handle} 0 of {other.secret}",
        str(other.root / f"{other.handle}0.md"),
    ):
        nothing = name.replace("two", "zzz").replace("zzz-project", "two-project")
        with pytest.raises(NotFound) as hidden:
            here.get(name)
        with pytest.raises(NotFound) as absent:
            here.get(nothing)
        assert type(hidden.value) is type(absent.value)
        for error in (hidden.value, absent.value):
            assert all("handleone" in near for near in error.near)
    for name in ("zebra", "nothing"):
        assert here.search(f"{other.handle} {name}ish").notes == ()


def test_an_id_of_another_project_is_free_here(made: Setting) -> None:
    """To save under it succeeds, and says nothing of the other."""
    other = made.stores["two"]

    done = made.world.open(made.stores["one"].root.parent).save("Mine.", {"id": f"{other.handle}0"})

    assert done.entry.memory.id == f"{other.handle}0"
    assert done.notes == ()
    theirs = made.world.open(other.root.parent).get(f"{other.handle}0")
    assert other.secret in theirs.memory.body


def test_a_forgotten_memory_comes_back_only_where_it_was(made: Setting) -> None:
    """The journal of one project is closed to the others, in every mode."""
    for mode in ("isolated", "global", "hybrid"):
        here = made.world.open(made.stores["one"].root.parent, mode=mode)
        for name in ("forgottentwo", f"forgotten {made.stores['two'].secret}"):
            with pytest.raises(NotFound):
                here.restore(name)
            with pytest.raises(NotFound):
                here.history(name)
    assert made.world.open(made.stores["two"].root.parent).restore("forgottentwo").entry.memory.id == "forgottentwo"


def test_a_group_is_seen_by_its_members_alone_and_only_in_hybrid_mode(made: Setting) -> None:
    """Membership is what the user's own configuration says."""
    secret = made.stores["red"].secret
    for project, mode, sees in (
        ("one", "hybrid", True), ("two", "hybrid", True), ("three", "hybrid", False),
        ("one", "isolated", False), ("one", "global", False),
    ):  # fmt: skip
        here = made.world.open(made.stores[project].root.parent, mode=mode)
        assert (secret in told(lambda here=here: here.list(limit=100))) is sees  # type: ignore[misc]


def test_the_command_line_leaks_nothing_either(made: Setting) -> None:
    """Text and JSON, answers and errors, of every command that looks."""
    hidden = [store for store in made.stores.values() if store.key != "one"]
    other = made.stores["two"]
    for arguments in (
        ("search", "zebra"), ("search", other.handle), ("search", "--regex", "."), ("list", "--expired"), ("tag",),
        ("get", f"{other.handle}0"), ("get", str(other.root / "same.md")), ("get", "The handle"), ("status",),
        ("doctor",), ("restore", "--list", "forgottentwo"), ("restore", "forgottentwo"), ("path",), ("config",),
        ("undo",), ("undo",), ("list", "--scope", "global"), ("list", "--type", "type"), ("list", "--channel", "chan"),
    ):  # fmt: skip
        for option in ((), ("--json",)):
            answer = memfs(made.world, *arguments, *option, folder=made.stores["one"].root.parent)
            assert not any(store.secret in answer.out + answer.err for store in hidden), arguments


def test_a_memory_that_moved_away_is_no_longer_told_of(made: Setting) -> None:
    """After a move to another project the first one finds nothing of it, also right after, and from its index."""
    here = made.world.open(made.stores["one"].root.parent, mode="hybrid")
    there = made.stores["two"].root.parent
    here.save("A migrating lemur.", {"id": "lemur", "title": "The lemur"})

    here.move("lemur", "workspace", workspace=there)

    assert here.search("lemur migrating").hits == ()
    with pytest.raises(NotFound):
        here.get("lemur")
    assert made.world.open(there).get("lemur").memory.title == "The lemur"
    assert all(entry.memory.id != "lemur" for entry in here.list(limit=100).entries)

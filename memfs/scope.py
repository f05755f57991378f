"""Where am I: the workspace of a folder, the stores that are visible from it under a mode, and their weights."""

from __future__ import annotations

import os
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from memfs.config import GROUP_NAME
from memfs.config import Config
from memfs.errors import GLOBAL_IN_ISOLATED
from memfs.errors import WORKSPACE_IN_GLOBAL
from memfs.errors import Invalid
from memfs.errors import OutOfScope
from memfs.lines import lines
from memfs.projects import KNOWN
from memfs.projects import Project
from memfs.projects import known
from memfs.projects import named
from memfs.projects import reachable
from memfs.rank import Within
from memfs.store import Store
from memfs.trust import LOOKED_AT
from memfs.trust import TRUSTED
from memfs.trust import accepted
from memfs.trust import accepted_digests
from memfs.trust import is_trusted
from memfs.trust import looked_at
from memfs.trust import trusted_workspaces
from memfs.worktree import places

MOST_CHANNELS = 64
"""Of one memory; more are not looked at."""
NAMED_BY = ("MEMFS_WORKSPACE", "CLAUDE_PROJECT_DIR")
"""What names the workspace in the environment, the first one before the second."""
FOLDER = ".memory"
"""The workspace store's folder in its workspace."""


class Part(NamedTuple):
    """A store as a view shows it.

    Attributes:
        weight: Factor of the score of its memories.
        channels: Patterns; only memories that are in such a channel are seen. None: all are.
        is_guest: It belongs to another project: its memories are read here, and changed there.
        accepted: State folder and workspace: only texts that were accepted there are seen. None: all are.
    """

    store: Store
    weight: float
    channels: tuple[str, ...] | None = None
    is_guest: bool = False
    accepted: tuple[Path, Path] | None = None

    @property
    def within(self) -> Within:
        """What the index is asked for."""
        digests = None if self.accepted is None else frozenset(accepted_digests(*self.accepted))
        return Within(self.store.key, self.weight, self.channels, digests)

    def vouched(self, state: Path) -> Part:
        """Return the part of what somebody vouches for: of a project that is not trusted whatever comes, less."""
        folder = self.store.root.parent
        strange = self.store.is_project and not is_trusted(state, folder)
        return self._replace(accepted=(state, folder)) if strange else self

    def shows(self, channels: Sequence[str], digest: str) -> bool:
        """Return whether a memory of the store that is in *channels* and whose text has *digest* is seen."""
        if self.accepted is not None and digest.encode() not in accepted(*self.accepted):
            return False
        return self.channels is None or any(
            fnmatchcase(channel.casefold(), pattern)
            for channel in channels[:MOST_CHANNELS]
            for pattern in self.channels
        )


class View:
    """What is visible from a workspace under a mode: parts, nearest first. Every way of sharing adds some.

    Attributes:
        workspace: The workspace's folder.
        mode: `isolated`, `global` or `hybrid`.
        mode_source: Where the mode was set, in words.
        parts: Workspace, groups, global, then those of other projects.
        stores: Those of the parts.
        own: Those that may be written: no other project's.
        absent: Members of its groups that share with each other and are not there.
    """

    def __init__(
        self, workspace: Path, mode: str, mode_source: str, parts: Sequence[Part], absent: Sequence[str] = ()
    ) -> None:
        self.workspace = workspace
        self.mode = mode
        self.mode_source = mode_source
        self.parts = tuple(parts)
        self.stores = tuple(part.store for part in parts)
        self.own = tuple(part.store for part in parts if not part.is_guest)
        self.absent = tuple(absent)
        self._by_key = {part.store.key: part for part in parts}

    def part(self, store: Store) -> Part | None:
        """Return the part of *store*, if it is one of the view's."""
        return self._by_key.get(store.key)

    def within(self, stores: Sequence[Store], *, vouched_in: Path | None = None) -> list[Within]:
        """Return what the index is asked for to look in *stores*, which are some of the view's.

        Args:
            stores: Where.
            vouched_in: The state folder, to look only among what somebody vouches for.
        """
        parts = [self._by_key[store.key] for store in stores]
        return [(part if vouched_in is None else part.vouched(vouched_in)).within for part in parts]

    def store(self, scope: str) -> Store:
        """Return the store of *scope* (`workspace`, `global`, `group:<name>`, `project:<name>`), if it is visible.

        Raises:
            OutOfScope: The mode does not show it.
            Invalid: It is no scope, or no group of this workspace.
        """
        for part in self.parts:  # a group's store that only a channel shows is not to be had as a whole
            project = part.store.scope.startswith("project:")
            own = project and not part.is_guest and scope == "workspace"
            if own or (part.store.scope == scope and (project or not part.is_guest)):
                return part.store
        if scope == "global":
            raise OutOfScope(GLOBAL_IN_ISOLATED)
        if scope == "workspace" and self.parts and not self.own:  # across projects that were named
            raise OutOfScope(f"{self.workspace} is none of the projects that are asked.")
        if scope == "workspace" and self.mode != "global":
            raise OutOfScope(
                f"{self.workspace} is no project: its {FOLDER}/ is memfs's own home. "
                "Stand in a project's folder, or use --mode global."
            )
        if scope == "workspace":
            raise OutOfScope(WORKSPACE_IN_GLOBAL)
        if scope.startswith("project:"):
            raise OutOfScope(f"{scope} is not visible from here; ask across projects (`memfs search --all`).")
        if not scope.startswith("group:"):
            raise Invalid(f"{scope!r} is no scope; the scopes are workspace, global and group:NAME.")
        if self.mode != "hybrid":
            raise OutOfScope(
                f"Group memories are not available in {self.mode} mode. Set WORKSPACE_MODE=hybrid first, "
                "or `memfs config set mode hybrid`."
            )
        groups = [store.scope for store in self.own if store.scope.startswith("group:")]
        known = f"its groups are {', '.join(groups)}" if groups else "it is a member of no group"
        raise Invalid(f"{self.workspace} is not a member of {scope}: {known}.")

    def target(self, wish: str) -> tuple[Store, str]:
        """Return the store that a save goes to when *wish* is asked for (empty: no wish), and a note if not that one.

        Raises:
            OutOfScope, Invalid: A group was asked for that is not to be had.
        """
        if wish.startswith("group:"):
            return self.store(wish), ""
        if wish.startswith("project:"):
            raise OutOfScope(f"{wish} is another project: what is saved there is saved from there.")
        if wish not in ("", "workspace", "global"):
            self.store(wish)
        if self.mode == "global":
            note = "" if wish == "global" else "Saved to the global store: the mode is global."
            return self.store("global"), note
        if wish == "global" and self.mode == "isolated":
            return self.store("workspace"), f"Saved to the workspace, not globally. {GLOBAL_IN_ISOLATED}"
        return self.store(wish or "workspace"), ""


def find_workspace(cwd: Path, config: Config, environ: Mapping[str, str] | None = None) -> Path:
    """Return the workspace of the folder *cwd*: named by the environment, holding a store, or a git work tree.

    First match of: `MEMFS_WORKSPACE`; `CLAUDE_PROJECT_DIR`; the nearest ancestor-or-self
    with a `.memory` folder that is not memfs's own home; the git top level; *cwd* itself.
    """
    env = os.environ if environ is None else environ
    if named := named_workspace(env):
        return Path(os.path.realpath(named))
    here = Path(os.path.realpath(cwd))
    for folder in (here, *here.parents):
        store = folder / FOLDER
        there = (os.path.islink(store) or os.path.isdir(store)) and os.path.realpath(store) not in homes(config)
        if there and (folder == here or _is_ours(store)):
            return folder
    return next((folder for folder in (here, *here.parents) if os.path.exists(folder / ".git")), here)


def named_workspace(env: Mapping[str, str]) -> str:
    """Return the folder that the environment *env* names as the workspace, empty when it names none.

    A value with `${` is what a client leaves of a variable that it does not fill in, and names nothing.
    """
    named = (env.get(name, "") for name in NAMED_BY)
    return next((os.path.expanduser(value) for value in named if value and "${" not in value), "")


def homes(config: Config) -> set[str]:
    """Return the folders that are memfs's own, and never a workspace's store."""
    return {os.path.realpath(config.home), os.path.realpath(os.path.expanduser("~/.memory"))}


def _is_ours(store: Path) -> bool:
    """Return whether *store* is not another user's: a folder above ours may be anybody's to plant one in."""
    return os.geteuid() in (0, os.lstat(store).st_uid)


def project_of(cwd: Path) -> Path:
    """Return the folder that a project's memory belongs to: *cwd* if it is there, its git top level, or *cwd*."""
    here = Path(os.path.realpath(cwd))
    if (here / FOLDER).is_dir() and not (here / FOLDER).is_symlink():
        return here
    return next((folder for folder in (here, *here.parents) if os.path.exists(folder / ".git")), here)


def other_workspace(named_so: str | Path, config: Config) -> Path:
    """Return the folder of another workspace: by its path, or by the name of one that is known.

    Raises:
        Invalid: It is no folder that is a workspace, several have the name, or none has.
        OutOfScope: What is put there would be seen by nobody, because of that workspace's own mode.
    """
    wanted = os.path.expanduser(named_so)
    if os.path.isabs(wanted):
        folder = Path(os.path.realpath(wanted))
        if not folder.is_dir():
            raise Invalid(f"{named_so} is no folder; name the other workspace by its path.")
        if os.path.realpath(folder / FOLDER) in homes(config):
            raise Invalid(f"{named_so} holds memfs's own home and is no workspace.")
        if not (os.path.isdir(folder / FOLDER) or os.path.exists(folder / ".git")):
            raise Invalid(f"{named_so} is no workspace: it has neither a {FOLDER} nor a .git; run `memfs init` there.")
        if (real := find_workspace(folder, config, {})) != folder:
            raise Invalid(f"{named_so} belongs to the workspace {real}; name that one.")
    else:
        vouched = _vouched(config)
        there = [each for each in reachable(config) if each.folder in vouched]
        found = [each.folder for each in there if each.name == str(named_so)]
        found = found or [each.folder for each in there if each.folder.name == str(named_so)]
        if len(found) != 1:
            problem = "could be several projects" if found else "is no project that you trust"
            raise Invalid(f"{str(named_so)!r} {problem}; name the other workspace by its absolute path.")
        folder = found[0]
    if config.mode_for(folder)[0] == "global":
        raise OutOfScope(f"{folder} is in global mode, so nobody would see a memory of its own there.")
    return folder


def global_store(config: Config) -> Store:
    """Return the store of what every workspace may share."""
    return Store(config.home / "global", "global", may_be_link=True)


def group_store(config: Config, name: str) -> Store:
    """Return the store of the group *name*.

    Raises:
        Invalid: It is no group's name.
    """
    if not GROUP_NAME.fullmatch(name):
        raise Invalid(f"{name!r} is no group name; use a-z, 0-9, _ and -.")
    return Store(config.home / "groups" / name, f"group:{name}", may_be_link=True)


def workspace_store(workspace: Path) -> Store:
    """Return the store that travels with the folder *workspace*."""
    return Store(workspace / FOLDER, "workspace")


def audience(store: Store, config: Config) -> str:
    """Return who sees the memories of *store*, in words."""
    if store.scope == "global":
        return "every workspace in hybrid or global mode"
    place = os.path.realpath(store.root.parent)
    by_channel = "the subscribers of its channels (what is put there)"
    if store.scope.startswith("group:"):
        return f"the members of {store.scope}, in hybrid mode{f', and by {by_channel}' if config.channels else ''}"
    here = f"{'this workspace' if store.scope == 'workspace' else store.scope}, in isolated and hybrid mode"
    if config.is_private(store.root.parent):
        return f"{here}; nobody else, as it is private"
    sharing = sorted(name for name in config.sharing if place in config.groups.get(name, ()))
    others = [f"the members of group:{name}" for name in sharing]
    if Path(place) in _vouched(config) and any(subscriber != place for subscriber in config.channels):
        others.append(by_channel)
    others += ["whoever asks across projects"] if config.cross_project else []
    return ", and by ".join([here, *others])


def view(workspace: Path, config: Config) -> View:
    """Return what is visible from *workspace* under its mode."""
    mode, source = config.mode_for(workspace)
    weights = config.weights
    parts = []
    if mode != "global" and os.path.realpath(workspace / FOLDER) not in homes(config):
        parts.append(Part(workspace_store(workspace), weights["workspace"]))
    own = places(workspace)
    groups = config.groups_of(workspace) if mode == "hybrid" else ()
    parts += [Part(group_store(config, name), weights["group"]) for name in groups]
    if mode != "isolated":
        parts.append(Part(global_store(config), weights["global"]))
    members = [Path(each) for name in groups if name in config.sharing for each in config.groups[name]]
    fellows = [each for each in members if each not in own]
    patterns = config.subscriptions(workspace) if mode == "hybrid" else ()
    projects = _others(own, config, fellows) if fellows or patterns else ()
    taken = {part.store.key for part in parts}
    guests = [_guest(project, config) for project in projects if project.folder in fellows]
    if patterns:
        trusted, seen = trusted_workspaces(config.state), looked_at(config.state)
        guests += [_guest(project, config, patterns) for project in projects if project.folder in trusted]
        heard = [_guest(project, config, patterns) for project in projects if project.folder in seen]
        guests += [part._replace(accepted=(config.state, part.store.root.parent)) for part in heard]
        others = sorted(config.groups.keys() - set(groups))
        guests += [Part(group_store(config, name), weights["channel"], patterns, is_guest=True) for name in others]
    for part in guests:
        if part.store.key not in taken:
            taken.add(part.store.key)
            parts.append(part)
    absent = sorted({str(each) for each in fellows if not os.path.isdir(each)})
    return View(workspace, mode, source, parts, absent)


def across(workspace: Path, config: Config, names: Sequence[str] = ()) -> View:
    """Return what a question across projects is answered from: the view, and every project that is not private.

    Only the projects *names*, by name or path, where any are named.

    Raises:
        OutOfScope: The user has not switched such questions on.
        Invalid: There is no such project.
    """
    if not config.cross_project:
        raise OutOfScope(
            "Questions across projects are switched off. The user may switch them on: "
            "`memfs config set cross_project true`."
        )
    here = view(workspace, config)
    mine = [part for part in here.parts if part.store.scope == "workspace"]
    place = [Path(os.path.realpath(workspace))] if mine else []
    own = [project for project in known(config, place) if project.folder in place]
    projects = [*own, *_others(place, config, place)]
    chosen = [named(config, name, projects) for name in names] if names else projects
    # what is one's own answers under its project's name, too
    parts = [part._replace(store=_store_of(project)) for part in mine for project in own if project in chosen]
    parts += [part for part in here.parts if not (names or part in mine or part.is_guest)]
    parts += [_guest(project, config) for project in chosen if project not in own]
    taken = {part.store.key for part in parts}
    parts += [part for part in here.parts if part.is_guest and not names and part.store.key not in taken]
    return View(workspace, here.mode, here.mode_source, parts, here.absent)


def scopes_of(view: View, config: Config, names: Sequence[str]) -> tuple[str, ...]:
    """Return the scopes that the projects *names*, by name or path, have in *view*.

    Raises:
        Invalid: It shows no such project.
    """
    scopes = {store.root.parent: store.scope for store in view.stores if store.is_project}
    shown = [project for project in known(config, scopes) if project.folder in scopes]
    return tuple(scopes[named(config, name, shown).folder] for name in names)


def grounds(config: Config) -> object:
    """Return what changes when `view` and `across` may have come to be others.

    That is config.toml; where projects may see each other, also which ones are known, trusted and there.
    """
    files = [config.path]
    folders: list[bytes] = []
    if config.sharing or config.channels or config.cross_project:
        files += [config.state / name for name in (KNOWN, TRUSTED, LOOKED_AT)]
        folders += lines(config.state / KNOWN)
        folders += [os.fsencode(member) for name in sorted(config.sharing) for member in config.groups.get(name, ())]
    return [_identity(file) for file in files], [folder for folder in folders if os.path.isdir(folder)]


def _identity(file: Path) -> tuple[int, int, int] | None:
    try:
        about = file.stat()
    except OSError:
        return None
    return about.st_mtime_ns, about.st_size, about.st_ino


def _others(own: Sequence[Path], config: Config, also: Iterable[Path] = ()) -> Sequence[Project]:
    """Return the projects, and the folders *also*, whose memories somebody who stands in *own* may be shown; not it."""
    ours = homes(config)
    return [
        project
        for project in reachable(config, also)
        if project.folder not in own and os.path.realpath(project.folder / FOLDER) not in ours
    ]


def _vouched(config: Config) -> set[Path]:
    return {*trusted_workspaces(config.state), *looked_at(config.state)}


def _store_of(project: Project) -> Store:
    return Store(project.folder / FOLDER, f"project:{project.name}")


def _guest(project: Project, config: Config, channels: tuple[str, ...] | None = None) -> Part:
    """Return the part that another project's store is: all of it, or what it puts into *channels*."""
    kind = "project" if channels is None else "channel"
    return Part(_store_of(project), config.weights[kind], channels, is_guest=True)

"""Who shares what with whom on this machine: groups and their members, channels and their subscribers, projects."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from memfs import projects
from memfs import scope
from memfs import settings
from memfs.config import Config
from memfs.config import folder_of
from memfs.errors import Invalid
from memfs.errors import OutsideStore
from memfs.errors import StorageFailed
from memfs.network import without_credentials
from memfs.projects import Project
from memfs.store import Store
from memfs.workspace import Workspace


class Member(NamedTuple):
    """A workspace in a group; *here*: the one that is asked from."""

    workspace: Path
    present: bool
    here: bool


class Group(NamedTuple):
    """A group as config.toml has it.

    Attributes:
        shares: Its members see each other's workspace memories.
        memories: Files in its own store; None when they cannot be counted.
        remote: What its own store is synced with, without credentials; empty when nothing.
    """

    name: str
    members: tuple[Member, ...]
    shares: bool
    store: Store
    memories: int | None
    remote: str


class Subscription(NamedTuple):
    """What *workspace* (None: every one) wants to see: channels that match *pattern*."""

    workspace: Path | None
    pattern: str


class Channel(NamedTuple):
    """A channel, how many of the memories that were counted are in it, and who subscribes to it."""

    name: str
    memories: int
    subscribers: tuple[Subscription, ...]


class Known(NamedTuple):
    """A project, the mode it is in, and how many files its store has; None: private, gone, or not to be counted."""

    project: Project
    mode: str
    memories: int | None


class Told(NamedTuple):
    """What a change came to: whose it is, whether anything was written, and what follows, one sentence each."""

    workspace: Path
    changed: bool
    sentences: tuple[str, ...]


# ---- groups


def groups(here: Workspace) -> list[Group]:
    """Return every group of config.toml, by name."""
    return [group(here, name) for name in sorted(here.config.groups)]


def group(here: Workspace, name: str) -> Group:
    """Return the group *name*.

    Raises:
        Invalid: There is none.
    """
    config = here.config
    settings.refuse_unknown_group(config, name)
    folders = [Path(each) for each in config.groups[name]]
    members = tuple(Member(each, each.is_dir(), each == here.view.workspace) for each in folders)
    store = scope.group_store(config, name)
    remote = without_credentials(config.remotes.get(f"group:{name}", ""))
    return Group(name, members, name in config.sharing, store, _count(store), remote)


def join(here: Workspace, name: str, folder: Path | None = None) -> Told:
    """Make the workspace that *folder* belongs to (None: this one) a member of the group *name*.

    Raises:
        Invalid: There is no such group or folder, or it holds memfs's own home.
        BadConfig, StorageFailed: config.toml cannot be changed.
    """
    config = here.config
    found = group(here, name)
    workspace = here.view.workspace if folder is None else _workspace_of(folder, config)
    if {str(workspace), os.path.realpath(workspace / scope.FOLDER)} & scope.homes(config):
        raise Invalid(f"{workspace} holds memfs's own home and is no workspace.")
    changed = str(workspace) not in config.groups[name]
    if changed:
        settings.set_members(config, name, lambda _: True, str(workspace))
    inside = [f"{folder} belongs to it."] if folder and folder_of(os.fspath(folder)) != str(workspace) else []
    sees = _seen_by_member(found, workspace, config)
    return Told(workspace, changed, (*inside, *sees, *_mode_hint(here, workspace, "groups")))


def leave(here: Workspace, name: str, member: str = "") -> Told:
    """Take a member out of the group *name*.

    *member* is its folder, there or gone, one below it, or its project's name; empty: this workspace.

    Raises:
        Invalid: There is no such group, or no such member.
        BadConfig, StorageFailed: config.toml cannot be changed.
    """
    config = here.config
    found = group(here, name)
    folder = _member(found, here, member)
    settings.set_members(config, name, lambda written: folder_of(written) != str(folder))
    lost = ", and the other members and it no longer see each other's memories" if found.shares else ""
    return Told(folder, changed=True, sentences=(f"It no longer sees group:{name}{lost}. No memory was removed.",))


def share(here: Workspace, name: str, *, shares: bool) -> Group:
    """Have the members of the group *name* see each other's memories, or no longer; return it as it is then.

    Raises:
        Invalid: There is no such group.
        BadConfig, StorageFailed: config.toml cannot be changed.
    """
    found = group(here, name)
    settings.share_members(here.config, name, shares=shares)
    return found._replace(shares=shares)


def _seen_by_member(found: Group, workspace: Path, config: Config) -> Iterable[str]:
    """Yield what *workspace* and the other members of the group *found* see of each other."""
    yield f"It sees group:{found.name}, and may save there: {_memories(found.memories)}, in {found.store.root}."
    if not found.shares:
        return
    fellows = [each.workspace for each in found.members if each.workspace != workspace]
    shown = [str(each) for each in fellows if not config.is_private(each)]
    if shown:
        yield f"It sees the memories of its fellow members too, which are only read: {', '.join(shown)}."
    if config.is_private(workspace):
        yield "It is private, so its fellow members see nothing of it."
    else:
        yield "Its fellow members, in hybrid mode, see its own memories."


def _member(found: Group, here: Workspace, wanted: str) -> Path:
    """Return the member of the group *found* that *wanted* names; raises like `leave`."""
    folders = [each.workspace for each in found.members]
    place = Path(folder_of(wanted)) if wanted else here.view.workspace
    if place in folders:
        return place
    names = {each.folder: each.name for each in projects.known(here.config, folders)}
    called = [each for each in folders if wanted and wanted in (names[each], each.name)]
    if len(called) == 1:
        return called[0]
    if not called and place.is_dir() and (below := _workspace_of(place, here.config)) in folders:
        return below
    listed = ", ".join(map(str, called or folders)) or "nobody yet"
    problem = "could be any of these members" if called else f"is no member of the group {found.name}; its members are"
    raise Invalid(f"{wanted or here.view.workspace} {problem}: {listed}.")


# ---- channels


def channels(counted: Workspace) -> list[Channel]:
    """Return the channels of the memories that the view of *counted* shows, by name, and who subscribes to each."""
    everybody = [
        Subscription(Path(place) if place else None, pattern)
        for place, patterns in counted.config.channels.items()
        for pattern in patterns
    ]
    return [
        Channel(name, memories, tuple(each for each in everybody if fnmatchcase(name, each.pattern)))
        for name, memories in sorted(counted.values("channel").items())
    ]


def subscriptions(here: Workspace) -> list[Subscription]:
    """Return what this workspace subscribes to: what every one does, and what is its own."""
    config, own = here.config, here.view.workspace
    return [
        Subscription(workspace, pattern)
        for workspace in (None, own)
        for pattern in config.channels.get(str(workspace or ""), ())
    ]


def subscribe(here: Workspace, pattern: str, *, everyone: bool) -> Told:
    """Have this workspace, or *everyone*, see what others put into the channels that match *pattern*.

    Raises:
        Invalid: It is no channel's name.
        BadConfig, StorageFailed: config.toml cannot be changed.
    """
    pattern = pattern.strip().casefold()
    workspace = None if everyone else here.view.workspace
    changed = Subscription(workspace, pattern) not in subscriptions(here)
    if changed:
        settings.subscribe(here.config, pattern, workspace)
    sees = "Every workspace in hybrid mode sees" if everyone else "It sees"
    said = f"{sees} what groups, and projects that you trust, put into {pattern}; it is only read."
    return Told(here.view.workspace, changed, (said, *_mode_hint(here, here.view.workspace, "channels")))


def unsubscribe(here: Workspace, pattern: str, *, everyone: bool) -> Told:
    """Take back `subscribe`.

    Raises:
        Invalid: There is no such subscription.
        BadConfig, StorageFailed: config.toml cannot be changed.
    """
    pattern = pattern.strip().casefold()
    workspace = None if everyone else here.view.workspace
    general = Subscription(None, pattern) in subscriptions(here)
    if general and Subscription(workspace, pattern) not in subscriptions(here):
        again = f"memfs channel unsubscribe {shlex.quote(pattern)} --all"
        raise Invalid(f"Every workspace subscribes to {pattern}, not this one alone; `{again}` ends that.")
    settings.unsubscribe(here.config, pattern, workspace)
    still = [f"Every workspace still subscribes to {pattern}, this one too."] if general and not everyone else []
    return Told(here.view.workspace, changed=True, sentences=tuple(still))


# ---- projects


def known(here: Workspace) -> list[Known]:
    """Return every project that is known, in the order in which they came to be known."""
    config = here.config
    found = []
    for project in projects.known(config):
        shown = project.present and (not project.private or project.folder == here.view.workspace)
        memories = _count(scope.workspace_store(project.folder)) if shown else None
        found.append(Known(project, config.mode_for(project.folder)[0], memories))
    return found


def rename(here: Workspace, name: str, project: str = "") -> Path:
    """Call the project *project*, named as for `forget`, *name*; return its folder.

    Raises:
        Invalid: It is no name, or another project's; there is no such project.
        BadConfig, StorageFailed: config.toml cannot be changed.
    """
    config = here.config
    folder = _project(here, project)
    for each in projects.known(config):
        if each.folder != folder and config.names.get(str(each.folder)) == name:
            raise Invalid(f"{each.folder} is called {name} already.")
    settings.set_value(config, "name", name, folder)
    return folder


def forget(here: Workspace, project: str) -> Path:
    """Forget that memfs was used in *project*, until it is used there again; return its folder.

    It is named by its name, its folder or one below it.

    Raises:
        Invalid: There is no such project.
        StorageFailed: It cannot be written down.
    """
    folder = _project(here, project)
    projects.forget(here.config, folder)
    return folder


def keep_private(here: Workspace, project: str = "", *, private: bool) -> Path:
    """Have the memories of *project*, named as for `forget`, seen nowhere else, or no longer; return its folder.

    Raises:
        Invalid: There is no such project.
        BadConfig, StorageFailed: config.toml cannot be changed.
    """
    folder = _project(here, project)
    settings.set_value(here.config, "private", "true" if private else "", folder)
    return folder


def _project(here: Workspace, wanted: str) -> Path:
    """Return the folder of the project that *wanted* names; empty: this workspace's."""
    if not wanted:
        return here.view.workspace
    folder = Path(folder_of(wanted))
    names = [project.name for project in projects.known(here.config)]
    if wanted not in names and folder.is_dir() and (os.sep in wanted or wanted in (os.curdir, os.pardir)):
        return _workspace_of(folder, here.config)
    return projects.named(here.config, str(folder) if os.sep in wanted and wanted not in names else wanted).folder


# ---- what they share


def _workspace_of(folder: Path, config: Config) -> Path:
    """Return the workspace that *folder*, which must be one, belongs to, whatever the environment names."""
    if not folder.is_dir():
        raise Invalid(f"{folder} is no folder; name a project's.")
    return scope.find_workspace(folder, config, {})


def _mode_hint(here: Workspace, workspace: Path, what: str) -> Sequence[str]:
    """Return a sentence if *workspace* is in a mode that shows nothing of *what*."""
    mode, source = here.config.mode_for(workspace)
    if mode == "hybrid":
        return ()
    at = "" if workspace == here.view.workspace else f" -C {shlex.quote(str(workspace))}"
    how = f"{source} says so" if here.config.mode_is_named else f"`memfs{at} config set mode hybrid --here` switches"
    return (f"{workspace} is in {mode} mode, and {what} are seen in hybrid mode alone: {how}.",)


def _count(store: Store) -> int | None:
    """Return how many files of memories *store* has; None when it cannot be read."""
    try:
        return len(store.scan().files)
    except (OutsideStore, StorageFailed):
        return None


def _memories(count: int | None) -> str:
    if count is None:
        return "its memories cannot be counted"
    return f"{count:,} {'memory' if count == 1 else 'memories'}"

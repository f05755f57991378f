"""Where am I: the workspace of a folder, the stores that are visible from it under a mode, and their weights."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from memfs.config import GROUP_NAME
from memfs.config import Config
from memfs.errors import GLOBAL_IN_ISOLATED
from memfs.errors import WORKSPACE_IN_GLOBAL
from memfs.errors import Invalid
from memfs.errors import OutOfScope
from memfs.store import Store
from memfs.trust import trusted_workspaces

NAMED_BY = ("MEMFS_WORKSPACE", "CLAUDE_PROJECT_DIR")
"""What names the workspace in the environment, the first one before the second."""
FOLDER = ".memory"
"""The workspace store's folder in its workspace."""


class View(NamedTuple):
    """The stores that are visible from a workspace under a mode, nearest first, each with its weight.

    Attributes:
        workspace: The workspace's folder.
        mode: `isolated`, `global` or `hybrid`.
        mode_source: Where the mode was set, in words.
        stores: Workspace, groups, global: those that the mode shows.
        weights: Factor of the score, by store key.
    """

    workspace: Path
    mode: str
    mode_source: str
    stores: tuple[Store, ...]
    weights: Mapping[str, float]

    def store(self, scope: str) -> Store:
        """Return the store of *scope* (`workspace`, `global`, `group:<name>`), if the mode serves it.

        Raises:
            OutOfScope: The mode does not show it.
            Invalid: It is no scope, or no group of this workspace.
        """
        for store in self.stores:
            if store.scope == scope:
                return store
        if scope == "global":
            raise OutOfScope(GLOBAL_IN_ISOLATED)
        if scope == "workspace" and self.mode != "global":
            raise OutOfScope(
                f"{self.workspace} is no project: its {FOLDER}/ is memfs's own home. "
                "Stand in a project's folder, or use --mode global."
            )
        if scope == "workspace":
            raise OutOfScope(WORKSPACE_IN_GLOBAL)
        if not scope.startswith("group:"):
            raise Invalid(f"{scope!r} is no scope; the scopes are workspace, global and group:NAME.")
        if self.mode != "hybrid":
            raise OutOfScope(f"Group memories are not available in {self.mode} mode. Set WORKSPACE_MODE=hybrid first.")
        groups = [store.scope for store in self.stores if store.scope.startswith("group:")]
        known = f"its groups are {', '.join(groups)}" if groups else "it is a member of no group"
        raise Invalid(f"{self.workspace} is not a member of {scope}: {known}.")

    def target(self, wish: str) -> tuple[Store, str]:
        """Return the store that a save goes to when *wish* is asked for (empty: no wish), and a note if not that one.

        Raises:
            OutOfScope, Invalid: A group was asked for that is not to be had.
        """
        if wish.startswith("group:"):
            return self.store(wish), ""
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
    for folder in (here, *here.parents):
        if os.path.exists(folder / ".git"):
            return folder
    return here


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
    """Return the folder that a new project's memory belongs to: the git top level of *cwd*, or *cwd* itself."""
    here = Path(os.path.realpath(cwd))
    return next((folder for folder in (here, *here.parents) if os.path.exists(folder / ".git")), here)


def other_workspace(named: str | Path, config: Config) -> Path:
    """Return the folder of another workspace: by its path, or by the name of one that the user trusts.

    Raises:
        Invalid: It is no folder that is a workspace, several have the name, or none has.
        OutOfScope: What is put there would be seen by nobody, because of that workspace's own mode.
    """
    wanted = os.path.expanduser(named)
    if os.path.isabs(wanted):
        folder = Path(os.path.realpath(wanted))
        if not folder.is_dir():
            raise Invalid(f"{named} is no folder; name the other workspace by its path.")
        if os.path.realpath(folder / FOLDER) in homes(config):
            raise Invalid(f"{named} holds memfs's own home and is no workspace.")
        if not (os.path.isdir(folder / FOLDER) or os.path.exists(folder / ".git")):
            raise Invalid(f"{named} is no workspace: it has neither a {FOLDER} nor a .git; run `memfs init` there.")
        if (real := find_workspace(folder, config, {})) != folder:
            raise Invalid(f"{named} belongs to the workspace {real}; name that one.")
    else:
        known = [folder for folder in trusted_workspaces(config.state) if folder.is_dir()]
        named_so = [folder for folder in known if folder.name == wanted]
        if len(named_so) != 1:
            choices = ", ".join(map(str, named_so)) if named_so else ", ".join(sorted({each.name for each in known}))
            problem = "could be any of these" if named_so else "is no workspace that is known here"
            raise Invalid(f"{str(named)!r} {problem}: {choices or 'there are none'}. Name it by its absolute path.")
        folder = named_so[0]
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


def view(workspace: Path, config: Config) -> View:
    """Return what is visible from *workspace* under its mode."""
    mode, source = config.mode_for(workspace)
    stores = []
    if mode != "global" and os.path.realpath(workspace / FOLDER) not in homes(config):
        stores.append(workspace_store(workspace))
    if mode == "hybrid":
        member = os.path.realpath(workspace)
        stores += [group_store(config, name) for name, members in sorted(config.groups.items()) if member in members]
    if mode != "isolated":
        stores.append(global_store(config))
    weights = {store.key: config.weights[store.scope.partition(":")[0]] for store in stores}
    return View(workspace, mode, source, tuple(stores), weights)

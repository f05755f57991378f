"""What is synced as one, and where its stores lie: the home folder, a group, or a workspace's own memories."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from memfs import scope
from memfs.config import GROUP_NAME
from memfs.config import Config
from memfs.errors import Refused
from memfs.network import without_credentials
from memfs.repository import Repository
from memfs.settings import refuse_unknown_group
from memfs.store import Store
from memfs.uniting import is_memory

REMOTE_REF = "refs/memfs/remote"
"""The commit that a shelf and its remote had in common after the last sync."""
_PLACE = re.compile(rf"(global/|groups/{GROUP_NAME.pattern}/)(.+)", re.DOTALL)
"""A path from the top of the home folder: its store, and the path in that."""


class Shelf(NamedTuple):
    """What is synced as one: a folder that is a repository of its own.

    Attributes:
        whose: A key of `Config.remotes`.
        top: The folder.
        remote: The other side, as git names it; empty when none is set.
    """

    whose: str
    top: Path
    remote: str

    @property
    def shown_remote(self) -> str:
        """The other side, without the credentials that its address may hold."""
        return without_credentials(self.remote)

    @property
    def command(self) -> str:
        """What a person types to have it synced."""
        kind, _, name = self.whose.partition("group:")
        return f"memfs sync --group {name}" if name else "memfs sync --workspace" if kind else "memfs sync"


def known_shelves(config: Config) -> list[Shelf]:
    """Return what can be synced: the home folder, and each group with a remote of its own.

    The home folder is left out where nothing but groups has a remote.
    """
    home = Shelf("", config.home, config.remotes.get("", ""))
    groups = [f"group:{name}" for name in sorted(config.groups) if f"group:{name}" in config.remotes]
    alone = bool(groups) and not home.remote and not (home.top / ".git").exists()
    return [*([] if alone else [home]), *(_group_shelf(config, whose) for whose in groups)]


def shelf_of(config: Config, *, group: str = "", workspace: Path | None = None) -> Shelf:
    """Return what is synced for a group, for a workspace whose memories have a repository of their own, or the home.

    Raises:
        Invalid: There is no such group.
        Refused: The workspace's memories travel with its repository.
    """
    if group:
        return _group_shelf(config, f"group:{group}")
    if workspace is None:
        return Shelf("", config.home, config.remotes.get("", ""))
    store = scope.workspace_store(workspace)
    top = store.root
    if not store.is_there() or not (top / ".git").exists():
        raise Refused(
            f"The memories of {workspace} have no repository of their own: they travel with the project's "
            f"(`memfs commit`, `git push`). To give them one: `git init {top}`, then "
            "`memfs sync --workspace --remote URL`."
        )
    return Shelf(str(workspace), top, config.remotes.get(str(workspace), ""))


def shelf_with(config: Config, store: Store) -> Shelf | None:
    """Return what *store* is synced with a remote as a part of, None when it is not synced with any."""
    if store.scope == "workspace":
        whose = str(store.root.parent)
        return Shelf(whose, store.root, config.remotes[whose]) if whose in config.remotes else None
    if store.scope in config.remotes:
        return _group_shelf(config, store.scope)
    home = shelf_of(config)
    if not home.remote or not store.root.is_relative_to(home.top):
        return None
    return None if apart(config, home, f"{store.root.relative_to(home.top).as_posix()}/") else home


def unpushed(shelf: Shelf, repository: Repository | None) -> int | None:
    """Return how many commits of *shelf*, which *repository* is around, its remote did not have after the last sync.

    None when there was none yet.

    Raises:
        GitFailed, Refused: See `Repository.run`.
    """
    if repository is None or repository.top != Path(os.path.realpath(shelf.top)):
        return None
    counted = repository.run("rev-list", "--count", f"{REMOTE_REF}..HEAD", "--", fine=(0, 128))
    return None if counted.code else int(counted.line)


def stores(config: Config, shelf: Shelf) -> dict[str, Store]:
    """Return each store that is synced with *shelf*, by where it lies below its top (with a final slash)."""
    if shelf.whose:
        return {"": store_at(config, shelf, "")}
    groups = config.home / "groups"
    names = sorted(path.name for path in groups.iterdir()) if groups.is_dir() else []
    found = {}
    for prefix in ("global/", *(f"groups/{name}/" for name in names if GROUP_NAME.fullmatch(name))):
        store = store_at(config, shelf, prefix)
        if store.is_there() and not apart(config, shelf, prefix):
            found[prefix] = store
    return found


def apart(config: Config, shelf: Shelf, prefix: str) -> str:
    """Return why the folder *prefix* below the top of the home's *shelf* is not synced with it; empty when it is."""
    place = shelf.top / prefix
    if os.path.realpath(place) != str(Path(os.path.realpath(shelf.top), prefix)):
        return "it is a link or lies behind one, and what it leads to is not this folder's"
    if f"group:{place.name}" in config.remotes and place.parent != shelf.top:
        return "it has a remote of its own"
    if any((folder / ".git").exists() for folder in {place, place.parent} - {shelf.top}):
        return "it has a repository of its own; to sync that: `memfs sync --group NAME --remote URL`"
    return ""


def store_at(config: Config, shelf: Shelf, prefix: str) -> Store:
    """Return the store that lies at *prefix* below the top of *shelf*."""
    group = shelf.whose.removeprefix("group:") if shelf.whose else prefix.removeprefix("groups/").rstrip("/")
    if shelf.whose == f"group:{group}" or prefix == f"groups/{group}/":
        return scope.group_store(config, group)
    return scope.workspace_store(shelf.top.parent) if shelf.whose else scope.global_store(config)


def _group_shelf(config: Config, whose: str) -> Shelf:
    refuse_unknown_group(config, whose.removeprefix("group:"))
    return Shelf(whose, scope.group_store(config, whose.removeprefix("group:")).root, config.remotes.get(whose, ""))


def place_of(shelf: Shelf, path: str) -> tuple[str, str] | None:
    """Return the store, by its prefix, and the path in it that *path* is; None when it is no memory of memfs's."""
    if not is_memory(path):
        return None
    if shelf.whose:
        return "", path
    place = _PLACE.fullmatch(path)
    return (place[1], place[2]) if place else None

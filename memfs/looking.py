"""Looking at what came into a project's memory before it is trusted, and accepting it as it is now."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from memfs import scope
from memfs import trust
from memfs.errors import NotFound
from memfs.errors import OutOfScope
from memfs.errors import StorageFailed
from memfs.store import Store
from memfs.workspace import Workspace


class Stranger(NamedTuple):
    """A memory's file that nobody vouches for.

    Attributes:
        path: Below the store.
        text: All of the file, header too.
        is_change: Another text was accepted at this path before.
    """

    path: str
    text: str
    digest: str
    is_change: bool

    @property
    def change(self) -> str:
        """What it is, in a word."""
        return "changed" if self.is_change else "new"

    @property
    def hides(self) -> bool:
        """Whether it holds characters that no reader sees."""
        return trust.hides(self.text)


class Look(NamedTuple):
    """What was found in a workspace's store.

    Attributes:
        always: Whatever comes is trusted, so that there is no stranger.
        strangers: By path.
        unread: Why a file could not be read, which therefore cannot be accepted; one sentence each.
    """

    store: Store
    always: bool
    strangers: tuple[Stranger, ...] = ()
    unread: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether there is something, and all of it is vouched for once the strangers are accepted."""
        return self.always or (self.store.is_there() and not self.unread)

    @property
    def hiding(self) -> tuple[Stranger, ...]:
        """Those that hold characters that no reader sees."""
        return tuple(each for each in self.strangers if each.hides)


class Trusted(NamedTuple):
    """A workspace that is trusted: *always*, or as it was when the user looked."""

    workspace: Path
    always: bool
    present: bool


def look(here: Workspace) -> Look:
    """Return what nobody vouches for in the store of the workspace; changes nothing.

    Raises:
        OutOfScope: It is no project's folder, but holds memfs's own home.
        OutsideStore, StorageFailed: The store cannot be read.
    """
    state, workspace = here.config.state, here.view.workspace
    store = _store(here)
    if trust.is_trusted(state, workspace):
        return Look(store, always=True)
    places = trust.places_of(workspace)
    strangers, unread = [], []
    for path in sorted(store.scan().files):
        try:
            with suppress(NotFound):  # taken away since it was listed
                file = store.read(path)
                if not trust.vouches(state, places, file.digest):
                    is_change = trust.has_accepted(state, workspace, path)
                    strangers.append(Stranger(path, file.raw.decode("utf-8", "replace"), file.digest, is_change))
        except StorageFailed as error:
            unread.append(str(error))
    return Look(store, always=False, strangers=tuple(strangers), unread=tuple(unread))


def accept(here: Workspace) -> Look:
    """Accept what is in the store of the workspace now, and return what of it nobody vouched for before.

    Raises:
        Invalid: The workspace's path holds a line break.
        StorageFailed: It cannot be written down.
        OutOfScope, OutsideStore: As for `look`.
    """
    found = look(here)
    if not found.always and found.store.is_there():
        texts = [(each.path, each.digest) for each in found.strangers]
        trust.accept(here.config.state, here.view.workspace, texts)
    return found


def accept_always(here: Workspace) -> None:
    """Trust whatever comes into the workspace; raises like `accept`."""
    trust.set_trusted(here.config.state, _store(here).root.parent, trusted=True)


def trusted(state: Path) -> list[Trusted]:
    """Return every workspace that is trusted, those first of which whatever comes is."""
    always = trust.trusted_workspaces(state)
    once = [each for each in trust.looked_at(state) if each not in always]
    return [Trusted(each, each in always, each.is_dir()) for each in (*always, *once)]


def _store(here: Workspace) -> Store:
    store = scope.workspace_store(here.view.workspace)
    if os.path.realpath(store.root) in scope.homes(here.config):
        raise OutOfScope(f"{store.root} is memfs's own home, not a project's memory; stand in a project's folder.")
    return store

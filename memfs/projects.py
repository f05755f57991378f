"""The workspaces that memfs was used in on this machine, and what they are called."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from memfs.config import Config
from memfs.errors import Invalid
from memfs.errors import StorageFailed
from memfs.lines import add
from memfs.lines import lines
from memfs.lines import remove
from memfs.settings import meant

LONGEST_NAME = 8
"""Folders of a path that a name may consist of; two whose paths end alike in so many keep one name."""
KNOWN = "projects"
"""The file in the state folder that lists them, one path a line."""


class Project(NamedTuple):
    """A workspace that is known here.

    Attributes:
        name: As the user called it, else its folder's name, with as much of the path before it as tells it apart.
        private: Its memories are seen nowhere else.
        present: Its folder is there.
    """

    folder: Path
    name: str
    private: bool
    present: bool


def note(config: Config, workspace: Path) -> None:
    """Remember that memfs is used in *workspace*; where that cannot be written down it is not known elsewhere."""
    place = _place(workspace)
    if place not in lines(config.state / KNOWN) and b"\n" not in place:
        with suppress(StorageFailed):
            add(config.state / KNOWN, [place])


def forget(config: Config, workspace: Path) -> None:
    """Forget that memfs was used in *workspace*, until it is used there again.

    Raises:
        StorageFailed: It cannot be written down.
    """
    remove(config.state / KNOWN, _place(workspace))


def known(config: Config, also: Iterable[Path] = ()) -> Sequence[Project]:
    """Return every project that is known, in the order in which they came to be known, then *also* these folders."""
    folders = list(dict.fromkeys([*(Path(os.fsdecode(line)) for line in lines(config.state / KNOWN)), *also]))
    names = _names(folders, config)
    return [Project(each, names[each], config.is_private(each), each.is_dir()) for each in folders]


def reachable(config: Config, also: Iterable[Path] = ()) -> Sequence[Project]:
    """Return those of `known` whose memories others may be shown: present, and not private."""
    return [project for project in known(config, also) if project.present and not project.private]


def named(config: Config, name: str, among: Sequence[Project] | None = None) -> Project:
    """Return the project that is called *name*, or lies at that absolute path; *among* these, default all.

    Raises:
        Invalid: None is, or several are.
    """
    projects = known(config) if among is None else among
    place = Path(name)
    found = [project for project in projects if project.name == name or project.folder == place]
    found = found or [project for project in projects if project.folder.name == name]
    if len(found) == 1:
        return found[0]
    if found:
        raise Invalid(f"{name!r} could be any of these: {', '.join(str(project.folder) for project in found)}.")
    raise Invalid(
        f"{name!r} is no project that is known here.{meant(name, [project.name for project in projects], 'projects')} "
        "`memfs projects` lists them; others are named by their absolute path."
    )


def _place(workspace: Path) -> bytes:
    """Return what the list has of *workspace*: its path, with no link in it."""
    return os.fsencode(os.path.realpath(workspace))


def _names(folders: Sequence[Path], config: Config) -> dict[Path, str]:
    names = {folder: config.names.get(str(folder)) or folder.name or str(folder) for folder in folders}
    for length in range(2, LONGEST_NAME):
        counts = Counter(names.values())
        for folder, name in names.items():
            if counts[name] > 1 and str(folder) not in config.names:
                names[folder] = "/".join(folder.parts[-length:])
    return names

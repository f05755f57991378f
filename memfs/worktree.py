"""What the files of a git folder tell of its work tree; git is not needed for it, nor anything that takes long."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

LONGEST = 4_096
"""Characters of a file that names a branch or a folder."""
UNDERWAY = {
    "MERGE_HEAD": "a merge", "rebase-merge": "a rebase", "rebase-apply": "a rebase or am", "CHERRY_PICK_HEAD":
    "a cherry-pick", "REVERT_HEAD": "a revert", "sequencer": "a sequence of picks", "BISECT_LOG": "a bisect",
}  # fmt: skip
"""What lies in the git folder while its user is in the middle of something."""
_BRANCH = re.compile(r"ref: refs/heads/([^\s\x00-\x1f\x7f~^:?*\[\\]{1,250})\s*")
"""What HEAD says when a branch is checked out: of a name that git would give (git-check-ref-format)."""


def branch(folder: Path) -> str:
    """Return the branch that is checked out in the work tree of *folder*, empty when there is none.

    Read from git's own file: it needs no git.
    """
    with suppress(OSError, ValueError):
        if (place := folder_around(folder)) and (named := _BRANCH.fullmatch(_beginning(place / "HEAD"))):
            return named[1]
    return ""


def checked_out(folder: Path) -> str | None:
    """Return what changes whenever another commit is checked out around *folder*, which needs no git.

    Returns:
        Empty where there is no repository; None when only git can tell.
    """
    try:
        if (place := folder_around(folder)) is None:
            return ""
        # git adds a line to its log of HEAD whenever that comes to be another commit
        stamps = [(place / name).stat() for name in ("HEAD", "logs/HEAD")]
    except (OSError, ValueError):
        return None
    return f"{place} {[(stamp.st_ino, stamp.st_size, stamp.st_mtime_ns) for stamp in stamps]}"


def may_be_git(place: Path) -> bool:
    """Return whether *place* looks like a work tree's top, or like a bare repository; spares starting git."""
    return (place / ".git").exists() or (place / "HEAD").exists()


def linked_log(folder: Path, ref: str) -> Path | None:
    """Return which log of HEAD or *ref* in the git folder *folder* is a link, or behind one, None when none is."""
    common = _common(folder)
    head = (folder / "HEAD").read_text(errors="replace").removeprefix("ref:").strip()
    for place, name in ((folder, "HEAD"), (common, head), (common, ref)):
        if os.path.realpath(place / "logs" / name) != os.path.join(os.path.realpath(place), "logs", name):  # noqa: PTH118
            return place / "logs" / name
    return None


def underway(folder: Path) -> str:
    """Return what the user of the git folder *folder* is in the middle of, in words; empty when nothing."""
    return next((words for name, words in UNDERWAY.items() if (folder / name).exists()), "")


def is_rebased(folder: Path, ref: str) -> bool:
    """Return whether a rebase under way in a work tree, of all that share the git folder *folder*, will move *ref*."""
    common = _common(folder)
    names = ("rebase-merge/head-name", "rebase-merge/update-refs", "rebase-apply/head-name")
    files = (place / name for place in (common, *common.glob("worktrees/*")) for name in names)
    return any(ref in _beginning(file).split() for file in files)


def ending(doing: str) -> str:
    """Return how a person gets out of what `underway` says, in words."""
    if doing == UNDERWAY["MERGE_HEAD"]:
        settled = "once nothing is in conflict (`memfs resolve` settles memories)"
        return f"`git commit` finishes it, {settled}, and `git merge --abort` drops it"
    return "`git status` says how to finish or abort it"


def folder_around(folder: Path) -> Path | None:
    """Return the git folder of the work tree that *folder* lies in; None when it lies in none.

    Raises:
        OSError, ValueError: What stands in its place cannot be read, or names none.
    """
    if (top := _top(folder)) is None:
        return None
    git = top / ".git"
    return git if git.is_dir() else _named_in(git)  # of a linked work tree, or a submodule


def places(folder: Path) -> Sequence[Path]:
    """Return *folder* with no link in its path and, in a linked work tree, where it would lie in the main one.

    What a work tree says of the main one's git folder counts if that says the same of it, as `git worktree add` has
    them do: who puts a file `.git` into a folder cannot have it pass for a work tree of another repository.
    """
    place = Path(os.path.realpath(folder))
    with suppress(OSError, ValueError):
        if claim := _claim(place):
            git, there = claim
            is_mutual = os.path.realpath(_named_in(git / "gitdir")) == f"{_top(place)}/.git"
            if is_mutual and _top(there) == git.parent.parent.parent:  # not in a repository within the main one
                return place, there
    return (place,)


def claimed(folder: Path) -> Path | None:
    """Return where *folder* would lie in the main work tree by the word of its own alone; None without such a word.

    That is enough to hide something, and not to show it: the main one may be gone, moved, or never have heard of it.
    """
    with suppress(OSError, ValueError):
        if claim := _claim(Path(os.path.realpath(folder))):
            return claim[1]
    return None


def _claim(place: Path) -> tuple[Path, Path] | None:
    """Return the git folder that a linked work tree around *place* names, and where *place* is in the main one."""
    top = _top(place)
    if top is None or not (top / ".git").is_file():
        return None
    git = Path(os.path.realpath(_named_in(top / ".git")))
    main = git.parent.parent.parent
    return (git, main / place.relative_to(top)) if git.parent == main / ".git/worktrees" else None


def _top(folder: Path) -> Path | None:
    return next((each for each in (folder, *folder.parents) if os.path.lexists(each / ".git")), None)


def _named_in(path: Path) -> Path:
    """Return what the file *path* of git names."""
    return path.parent / _beginning(path, "surrogateescape").removeprefix("gitdir: ").rstrip("\r\n")


def _common(folder: Path) -> Path:
    """Return the git folder that all work trees of a repository share, of which one has the git folder *folder*."""
    shared = folder / "commondir"
    return folder / shared.read_text().strip() if shared.is_file() else folder


def _beginning(path: Path, errors: str = "replace") -> str:
    """Return what the file *path* begins with; nothing of what is no file, which may never come to an end."""
    if not path.is_file():
        return ""
    with path.open(encoding="utf-8", errors=errors) as file:
        return file.read(LONGEST)

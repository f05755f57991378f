"""The command about the projects that memfs is used in: their names, who sees them, leaving one out."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from memfs.faces.cli.common import ON_OR_OFF
from memfs.faces.cli.common import Actions
from memfs.faces.cli.common import common
from memfs.faces.cli.common import counted
from memfs.faces.cli.common import say
from memfs.faces.cli.common import tell
from memfs.faces.cli.common import workspace
from memfs.faces.render import Json
from memfs.faces.render import Line
from memfs.trust import inert_line

if TYPE_CHECKING:
    from memfs.sharing import Known


@click.group(cls=Actions)
def projects_command() -> None:
    """List the projects that you use memfs in.

    \b
    memfs projects
    memfs projects name shop-api ~/src/api
    memfs projects private on              (this project)
    memfs projects forget old-shop

    A question across projects (`search --all`) is answered from those that are listed here and not
    private.
    """


@projects_command.command("list")
@common
def projects_list_command(*, as_json: bool) -> None:
    """Show the projects, their modes, and what they hold."""
    from memfs import sharing

    found = sharing.known(workspace())
    tell({"projects": [_project_json(each) for each in found]}) if as_json else say(_project_lines(found))


@projects_command.command("name")
@click.argument("name")
@click.argument("project", default="", metavar="[PATH]")
@common
def projects_name_command(name: str, project: str, *, as_json: bool) -> None:
    """Call a project NAME: this one, or that of PATH."""
    from memfs import sharing

    _done(sharing.rename(workspace(), name, project), f"is now called {name}.", {"name": name}, as_json=as_json)


@projects_command.command("forget")
@click.argument("project", metavar="NAME")
@common
def projects_forget_command(project: str, *, as_json: bool) -> None:
    """Leave a project out; none of its memories goes.

    NAME is a name of the list, or a path.
    """
    from memfs import sharing

    said = "is left out; it comes back when memfs is used there again."
    _done(sharing.forget(workspace(), project), said, {}, as_json=as_json)


@projects_command.command("private")
@click.argument("state", type=ON_OR_OFF, metavar="on|off")
@click.argument("project", default="", metavar="[NAME]")
@common
def projects_private_command(state: str, project: str, *, as_json: bool) -> None:
    """Have a project's memories seen nowhere else.

    Not by fellow members of a group, not by channel, not by a question across projects. NAME is a
    name of the list, or a path; without, it is this project.
    """
    from memfs import sharing

    private = state == "on"
    said = "is private: its memories are seen nowhere else." if private else "is private no longer."
    folder = sharing.keep_private(workspace(), project, private=private)
    _done(folder, said, {"private": private}, as_json=as_json)


def _project_json(known: Known) -> Json:
    project = known.project
    return {
        "name": project.name,
        "path": str(project.folder),
        "present": project.present,
        "private": project.private,
        "mode": known.mode,
        "count": known.memories,
    }


def _project_lines(projects: Sequence[Known]) -> Iterator[Line]:
    for known in projects:
        project = known.project
        facts = [known.mode]
        facts += [counted(known.memories)] if known.memories is not None else []
        facts += ["private"] if project.private else []
        yield [
            (f"{inert_line(project.name)}  ", "bold"),
            (", ".join(facts), ""),
            ("" if project.present else ", is not there", "yellow"),
        ]
        yield [(f"  {inert_line(str(project.folder))}", "dim")]
    if not projects:
        yield [("No project is known yet:", ""), (" the first save, or `memfs init`, makes one.", "dim")]


def _done(folder: Path, said: str, beside: Json, *, as_json: bool) -> None:
    if as_json:
        tell({"workspace": str(folder), **beside})
    else:
        say([[(f"{inert_line(str(folder))} ", "bold"), (said, "")]])

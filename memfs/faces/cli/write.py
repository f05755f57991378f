"""The commands that change memories: save, edit, update, tag, move, forget, restore, undo."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

import click

from memfs.errors import Invalid
from memfs.faces import render
from memfs.faces.cli.common import MARK
from memfs.faces.cli.common import Command
from memfs.faces.cli.common import Words
from memfs.faces.cli.common import check_word
from memfs.faces.cli.common import common
from memfs.faces.cli.common import say
from memfs.faces.cli.common import tell
from memfs.faces.cli.common import workspace
from memfs.memory import KEYS
from memfs.memory import TYPES
from memfs.trust import inert_line
from memfs.values import Value

if TYPE_CHECKING:
    from memfs.answers import Done


TYPES_HELP = "directive, information, heading, decision, code_pattern, requirement, error, todo, insight or preference."
TAGS_HELP = "May be repeated; with update, these replace all tags."
CUES_HELP = "How somebody who forgot the wording will ask. May be repeated; with update, these replace all cues."


def described(command: Command) -> Command:
    """Add the options that say what a memory is; `values_of` reads them."""
    for option in reversed((
        click.option("--title", help="One line that says it all."),
        click.option("--type", help=TYPES_HELP),
        click.option("--importance", type=click.IntRange(1, 10), help="1 to 10; 8 and above is important."),
        click.option("--tag", "tags", multiple=True, metavar="TAG", help=TAGS_HELP),
        click.option("--category", help="One shelf for the memory."),
        click.option("--channel", "channels", multiple=True, metavar="NAME", help="Who else may see it."),
        click.option("--summary", help="One or two sentences for lists."),
        click.option("--cue", "cues", multiple=True, metavar="PHRASE", help=CUES_HELP),
        click.option("--about", multiple=True, metavar="PATH", help="The code that it speaks about."),
        click.option("--expires", metavar="WHEN", help="Hide it from search after this time or date."),
        click.option("--pinned/--not-pinned", default=None, help="Always among the first that an agent is told."),
        click.option("--allow-secret", is_flag=True, help="Store it although it looks like a credential."),
    )):  # fmt: skip
        command = option(command)
    return command


def values_of(options: dict[str, Any]) -> dict[str, Value]:
    """Return what `described` added to *options* as values of the format.

    Raises:
        Invalid: The type is unknown.
    """
    if options.get("type"):
        check_word("type", options["type"], TYPES)
    given = {key: value for key, value in options.items() if key in KEYS and value not in (None, ())}
    return {key: _value(value) for key, value in given.items()}


def _value(given: object) -> Value:
    if isinstance(given, tuple):
        return [str(item) for item in given]
    return str(given).lower() if isinstance(given, bool) else str(given)


def show(done: Done, *, as_json: bool) -> None:
    """Print what a verb came to."""
    tell(render.done_json(done)) if as_json else say(render.done_lines(done))


@click.command(cls=Words)
@click.argument("text", required=False)
@click.option(
    "-f", "--file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Take the text from a file."
)
@described
@click.option("--global", "to_global", is_flag=True, help="Share it with all your projects.")
@click.option("--scope", default="", metavar="SCOPE", help="workspace, global or group:NAME.")
@click.option("--into", default="", metavar="MEMORY", help="Add it to this memory instead.")
@common
def save_command(
    text: str | None,
    file: Path | None,
    *,
    to_global: bool,
    scope: str,
    into: str,
    allow_secret: bool,
    as_json: bool,
    **options: Any,  # noqa: ANN401
) -> None:
    """Save a memory.

    \b
    memfs save "We deploy on Fridays before noon." --tag deploy
    git log -1 --format=%B | memfs save --type decision --title "Why we left MySQL"
    memfs save --type decision        (opens $EDITOR on a template)
    memfs save "Except in December." --into 01KAJ9D3Q0

    The text is TEXT, a file, standard input, or what you write in your editor. What may
    say the same already is named; --into adds the paragraphs that a memory does not have yet to it,
    unites tags and cues, and keeps the higher importance.
    """
    from memfs.faces.cli import compose

    if to_global and scope not in ("", "global"):
        raise click.UsageError("--global and --scope say different things.", click.get_current_context())
    values = values_of(options)
    text = text.removeprefix(MARK) if text else text
    here = workspace()
    with compose.text_for(text, file, str(values.get("type", "information"))) as (given, written):
        target = "global" if to_global else scope
        done = here.save(given, {**written, **values}, scope=target, merge_into=into, allow_secret=allow_secret)
    show(done, as_json=as_json)


@click.command()
@click.argument("memory")
@common
def edit_command(memory: str, *, as_json: bool) -> None:
    """Open a memory in your editor.

    That is $VISUAL or $EDITOR, on the memory's own file.
    """
    from memfs.faces.cli import compose

    here = workspace()
    entry = here.get(memory)
    compose.run_editor(entry.path)
    show(here.edited(entry), as_json=as_json)


@click.command()
@click.argument("memory")
@click.option("--body", help="The new text; `-` reads standard input.")
@described
@click.option("--unset", multiple=True, metavar="KEY", help="Remove a key; may be repeated.")
@click.option("--digest", default="", metavar="SHA256", help="Refuse if the file is not the one with this digest.")
@common
def update_command(
    memory: str,
    body: str | None,
    *,
    unset: tuple[str, ...],
    digest: str,
    allow_secret: bool,
    as_json: bool,
    **options: Any,  # noqa: ANN401
) -> None:
    """Change a memory's keys or its text.

    \b
    memfs update 01KAJ9D3Q0 --title "Why we left MySQL" --tag db --tag history

    Every other line of its file stays as it is. --tag, --channel, --cue and --about replace all that
    were there; `memfs tag` adds a tag, or takes one off.
    """
    for key in unset:
        check_word("key", key, KEYS)
    changes: dict[str, Value | None] = {**values_of(options), **dict.fromkeys(unset)}
    if not changes and body is None:
        raise Invalid(
            "Say what to change: --title, --tag, --importance, --body and so on; `memfs edit` opens the file."
        )
    text = sys.stdin.read() if body == "-" else body
    show(workspace().update(memory, changes, text, expect=digest, allow_secret=allow_secret), as_json=as_json)


@click.command()
@click.argument("memory", required=False)
@click.argument("tags", nargs=-1)
@click.option("--remove", "-r", multiple=True, metavar="TAG", help="Take this tag off; may be repeated.")
@common
def tag_command(memory: str | None, tags: tuple[str, ...], remove: tuple[str, ...], *, as_json: bool) -> None:
    """Tag a memory, or list all tags.

    \b
    memfs tag 01KAJ9D3Q0 database postgres --remove mysql
    """
    here = workspace()
    if memory is None:
        counts = sorted(here.values("tag").items(), key=lambda item: (-item[1], item[0]))
        if as_json:
            tell({"tags": dict(counts)})
        else:
            say([(f"{count:>6}  ", "dim"), (inert_line(tag), "")] for tag, count in counts)
        return
    if not tags and not remove:
        raise click.UsageError("Name the tags to add, or those to --remove.", click.get_current_context())
    entry = here.get(memory)
    gone = {tag.casefold() for tag in remove}
    kept = [tag for tag in entry.memory.tags if tag.casefold() not in gone]
    known = {tag.casefold() for tag in kept}
    new = [*kept, *(tag for tag in dict.fromkeys(tags) if tag.casefold() not in known)]
    done = here.update(memory, {"tags": list(new) or None}, expect=entry.file.digest)
    show(done, as_json=as_json)


@click.command()
@click.argument("memory")
@click.option("--to", required=True, metavar="SCOPE", help="workspace, global or group:NAME.")
@click.option(
    "--workspace",
    "other",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Another project: its folder, or its name if you trust it.",
)
@common
def move_command(memory: str, to: str, other: Path | None, *, as_json: bool) -> None:
    """Move a memory to another scope.

    Who sees it changes, nothing else.

    \b
    memfs move 01KAJ9D3Q0 --to global
    memfs move 01KAJ9D3Q0 --to workspace --workspace ~/src/shop
    """
    named = other.absolute() if other and other.is_dir() else other
    show(workspace().move(memory, to, workspace=named), as_json=as_json)


@click.command()
@click.argument("memory")
@click.option("--digest", default="", metavar="SHA256", help="Refuse if the file is not the one with this digest.")
@common
def forget_command(memory: str, *, digest: str, as_json: bool) -> None:
    """Remove a memory; `restore` brings it back."""
    show(workspace().forget(memory, expect=digest), as_json=as_json)


@click.command()
@click.argument("memory")
@click.argument("version", default="")
@click.option("--list", "listed", is_flag=True, help="Only list the versions, as `memfs history` does.")
@common
def restore_command(memory: str, version: str, *, listed: bool, as_json: bool) -> None:
    """Bring back what a memory was.

    \b
    memfs restore 01KAJ9D3Q0                 (before its last change; or a forgotten one)
    memfs restore 01KAJ9D3Q0 4f2a91c0de

    VERSION is one of `memfs history MEMORY`, or a beginning of it: a commit, or what memfs kept; or what
    else git calls a commit, such as HEAD~1 or a branch.
    What is there now is kept as a version, too.
    """
    from memfs.faces import render_git

    here = workspace()
    if not listed:
        show(here.restore(memory, version), as_json=as_json)
        return
    told = here.history(memory)
    tell(render_git.history_json(told)) if as_json else say(render_git.history_lines(told))


@click.command()
@common
def undo_command(*, as_json: bool) -> None:
    """Take back the last change.

    Once more takes back the one before.
    """
    show(workspace().undo(), as_json=as_json)

"""What the commands share: options, opening the workspace, printing for people and programs, errors."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any
from typing import TypeVar

import click

from memfs.errors import Invalid
from memfs.errors import MemfsError
from memfs.errors import StorageFailed

if TYPE_CHECKING:
    from memfs.faces.render import Json
    from memfs.faces.render import Line
    from memfs.query import Filters
    from memfs.store import Store
    from memfs.workspace import Workspace

Command = TypeVar("Command", bound=Callable[..., Any])

MARK = "\0"
"""Set before a word that looks like an option; no argument of a process can hold one."""
ON_OR_OFF = click.Choice(["on", "off"])


class Words(click.Command):
    """A command whose words may begin with a minus: a list's first line, or `-nginx`, which is not `-n ginx`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Mark the words that click would take for options, then parse."""
        options = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        names = {name for option in options for name in option.opts}
        with_value = {name for option in options if not option.is_flag for name in option.opts}
        marked: list[str] = []
        rest = iter(args)
        for arg in rest:
            is_word = arg[:1] == "-" and arg[1:2] not in ("", "-") and arg not in names
            marked.append(f"{MARK}{arg}" if is_word and not re.fullmatch(r"-n\d+", arg) else arg)
            marked += islice(rest, 1 if arg in with_value else None if arg == "--" else 0)
        return super().parse_args(ctx, marked)


class Actions(click.Group):
    """What a command can do; `list` when nothing is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `list` before options that follow no action."""
        is_list = not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names)
        return super().parse_args(ctx, ["list", *args] if is_list else args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the action that *args* begin with, or say which ones are near."""
        check_word("action", args[0], self.commands)
        return super().resolve_command(ctx, args)


def common(command: Command) -> Command:
    """Add the options that every command has: `--json`, `--mode`, `-C`."""
    place = click.option(
        "-C", "--directory", metavar="DIR", is_eager=True, expose_value=False, callback=_stand, help="Stand in DIR."
    )
    mode_help = "isolated, global or hybrid."
    mode = click.option("--mode", metavar="MODE", expose_value=False, callback=_keep, help=mode_help)
    return mode(place(click.option("--json", "as_json", is_flag=True, help="Answer as JSON, for programs.")(command)))


def _keep(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.ensure_object(dict)[param.name] = value


def _stand(_ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
    if value is not None:
        stand_in(value)


def filtering(command: Command) -> Command:
    """Add the options that narrow a list or a search; `filters_of` reads them."""
    for option in reversed((
        click.option("--type", "types", multiple=True, metavar="TYPE", help="Only this type; may be repeated."),
        click.option("--tag", "tags", multiple=True, metavar="TAG", help="Only with this tag; may be repeated."),
        click.option("--category", "categories", multiple=True, metavar="NAME", help="Only in this category."),
        click.option("--channel", "channels", multiple=True, metavar="NAME", help="Only in this channel."),
        click.option("--scope", "scopes", multiple=True, metavar="SCOPE", help="workspace, global or group:NAME."),
        click.option("--min-importance", type=click.IntRange(1, 10), metavar="N", help="Only this important, 1 to 10."),
        click.option("--since", metavar="WHEN", help="Learned since: 2026-01-31, 2026-01, 12h, 7d, 4w."),
        click.option("--until", metavar="WHEN", help="Learned until."),
        click.option("--expired", is_flag=True, help="Also those past their expiry."),
    )):  # fmt: skip
        command = option(command)
    return command


def filters_of(options: dict[str, Any], here: Workspace) -> Filters:
    """Take what `filtering` added out of *options*, as filters.

    Raises:
        Invalid: A time is none, or a type is neither one of the format's nor of a memory in *here*.
    """
    from datetime import UTC
    from datetime import datetime

    from memfs import query
    from memfs.memory import TYPES

    for kind in options["types"]:
        if kind not in TYPES:
            check_word("type", kind, [*TYPES, *here.values("type")])
    now = datetime.now(UTC)
    since, until = options.pop("since"), options.pop("until")
    try:
        first = query.bounds("created", f">={query.ago(since, now)}")[0] if since else None
        last = query.bounds("created", f"<={query.ago(until, now)}")[1] if until else None
    except ValueError as error:
        raise Invalid(f"{error} is no time; try 2026-01-31, 2026-01, 12h, 7d or 4w.") from error
    importance = (options.pop("min_importance"), None)
    lists = {name: options.pop(name) for name in ("types", "tags", "categories", "channels", "scopes")}
    return query.Filters(created=(first, last), importance=importance, expired=options.pop("expired"), **lists)


class progress:  # noqa: N801  (used like a function)
    """Show, on a terminal, how far long work is, once it takes longer than a moment."""

    def __init__(self, what: str = "") -> None:
        self.what = what
        self._bar: Any = None

    def __enter__(self) -> Callable[..., None]:
        return self._advance if sys.stderr.isatty() else lambda *_: None

    def _advance(self, *now: str | int) -> None:
        """Show that so much of so much (0: nobody knows) is done, of what is named before, if that has changed."""
        *what, done, all_ = now
        if self._bar is None:
            from rich.console import Console
            from rich.progress import Progress

            self._bar = Progress(console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task(self.what, total=None)
        self._bar.update(self._task, completed=done, total=all_ or None, description=what[0] if what else self.what)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()


def check_word(what: str, word: str, known: Iterable[str]) -> None:
    """Refuse *word* if it is not *known*, naming the near ones."""
    from difflib import get_close_matches

    words = list(dict.fromkeys(known))
    if word not in words:
        near = get_close_matches(word, words, 2, 0.5)
        meant = f"did you mean {' or '.join(near)}?" if near else f"they are {', '.join(words)}."
        raise Invalid(f"There is no {what} {word!r}; {meant}")


def workspace() -> Workspace:
    """Open the workspace of the folder that the command stands in.

    Raises:
        Invalid: That folder is gone.
    """
    from memfs.workspace import Workspace

    return Workspace.open(_here(), mode=given_mode())


def own_store() -> Store:
    """Return the store that travels with the folder that the command stands in; no index is opened.

    Raises:
        Invalid: That folder is gone.
    """
    from memfs import config
    from memfs import scope

    return scope.workspace_store(scope.find_workspace(_here(), config.load(mode=given_mode())))


def _here() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise Invalid("The folder you stand in is gone; change into one that exists, or name one with -C.") from error


def given_mode() -> str | None:
    """Return the mode that the command line names, if it does."""
    context = click.get_current_context()
    given, own = context.find_root().obj or {}, context.obj or {}
    mode: str | None = own.get("mode") or given.get("mode")
    return mode


def stand_in(directory: str) -> None:
    """Change into the folder *directory*, before any other path is looked at: relative ones begin there.

    Raises:
        Invalid: It is none, or not to be entered.
    """
    try:
        os.chdir(directory)
    except OSError as error:
        raise Invalid(f"{directory!r} is no folder to stand in: {os.strerror(error.errno or 0)}.") from error


def say(lines: Iterable[Line], *, err: bool = False) -> None:
    """Print lines for people: styled on a terminal, plain elsewhere."""
    stream = sys.stderr if err else sys.stdout
    if stream is None:  # closed by whoever started us
        return
    if stream.isatty() and "NO_COLOR" not in os.environ:
        from rich.console import Console
        from rich.text import Text

        console = Console(file=stream, highlight=False, soft_wrap=True)
        for line in lines:
            console.print(Text.assemble(*line))
    else:
        for line in lines:
            marked = "".join(f"**{text}**" if "bold yellow" in style else text for text, style in line)
            click.echo(marked.rstrip(), err=err)


def tell(answer: Json) -> None:
    """Print an answer for programs: one line of JSON."""
    from memfs.faces.render import to_json

    click.echo(to_json(answer))


def counted(count: int | None) -> str:
    """Return *count* memories in words; None for those that cannot be read."""
    if count is None:
        return "memories that cannot be counted"
    return f"{count:,} {'memory' if count == 1 else 'memories'}"


def report_error(error: Exception) -> int:
    """Print *error* on standard error, as a sentence or as JSON where that was asked for; return the exit code."""
    from memfs.faces.render import error_json
    from memfs.faces.render import to_json
    from memfs.trust import inert

    if os.environ.get("MEMFS_DEBUG") and not isinstance(error, click.ClickException | MemfsError):
        raise error
    if isinstance(error, OSError):  # mostly of standard output: whatever else can fail has a sentence of its own
        where = f" ({error.filename})" if error.filename else ""
        error = StorageFailed(f"The operating system refused: {os.strerror(error.errno or 0)}{where}.")
    if isinstance(error, MemfsError):
        known, exit_code = error_json(error), error.exit_code
    elif isinstance(error, click.ClickException):
        known, exit_code = {"error": {"code": "usage", "message": error.format_message()}}, 2
    else:
        rest = "Your files are as they were; MEMFS_DEBUG=1 shows where it happened."
        sentence = f"memfs failed: {type(error).__name__}. {rest}"
        known, exit_code = {"error": {"code": "internal", "message": sentence}}, 1
    if "--json" in sys.argv:
        click.echo(to_json(known), err=True)
        return exit_code
    say([[("error: ", "bold red"), (inert(known["error"]["message"]), "")]], err=True)
    if isinstance(error, click.UsageError) and error.ctx is not None:
        say([[(f"Try: {error.ctx.command_path} --help", "dim")]], err=True)
    return exit_code

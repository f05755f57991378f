"""The commands that set memfs up and keep it well: init, doctor, reindex, trust, config, completion."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

import click

from memfs.faces.cli.common import common
from memfs.faces.cli.common import say
from memfs.faces.cli.common import tell
from memfs.faces.cli.common import workspace

if TYPE_CHECKING:
    from collections.abc import Callable

    from memfs.answers import Entry

FOUND_SOMETHING = 9


@click.command()
@common
def init_command(*, as_json: bool) -> None:
    """Begin a project's memory here.

    Makes the folder .memory/ and trusts it.
    """
    from memfs import scope
    from memfs.trust import inert

    here = workspace()
    named = any(os.environ.get(name) for name in ("MEMFS_WORKSPACE", "CLAUDE_PROJECT_DIR"))
    store, made = here.begin(None if named else scope.project_of(Path.cwd()))
    if as_json:
        tell({"workspace": str(store.root.parent), "path": str(store.root), "made": made})
        return
    said = "Made" if made else "There is already"
    say([
        [(f"{said} ", "green"), (inert(str(store.root)), "bold")],
        [("Save what you learn:   ", "dim"), ('memfs save "..."', "")],
        [("Find it again:         ", "dim"), ("memfs search ...", "")],
        [("Share it with git:     ", "dim"), ("commit .memory/ like any folder", "")],
    ])  # fmt: skip


@click.command()
@click.option("--fix", is_flag=True, help="Mend what can be mended without losing a word.")
@click.option("--strict", is_flag=True, help="Also fail for doubtful values.")
@click.option("--yes", is_flag=True, help="With --fix: do not ask before removing a second copy.")
@common
def doctor_command(*, fix: bool, strict: bool, yes: bool, as_json: bool) -> None:
    """Look for what is wrong, and mend it.

    Finds files that cannot be read, ids that stand twice, and moves that were cut off.
    """
    from memfs import doctor
    from memfs.faces import render
    from memfs.trust import inert

    def may_remove(entry: Entry) -> bool:
        asked = not yes and not as_json and sys.stdin.isatty()
        return yes or (asked and click.confirm(f"Remove the copy {inert(str(entry.path))}?", err=True))

    report = doctor.examine(workspace(), fix=fix, may_remove=may_remove)
    if as_json:
        tell(render.report_json(report))
    else:
        say(render.report_lines(report))
    if not report.healthy or (strict and any(not finding.fixed for finding in report.findings)):
        click.get_current_context().exit(FOUND_SOMETHING)


@click.command()
@common
def reindex_command(*, as_json: bool) -> None:
    """Build the index anew.

    Never needed, never harmful: the index is a cache of the files.
    """
    here = workspace()
    with _progress("indexing") as advance:
        count = here.reindex(advance)
    if as_json:
        tell({"memories": count, "index": str(here.index.folder), "note": here.index.note})
    else:
        say([[("Indexed ", "green"), (f"{count:,} memories", "bold")]])


class _progress:  # noqa: N801  (used like a function)
    """Show how far long work is, on a terminal, once it takes longer than a moment."""

    def __init__(self, what: str) -> None:
        self.what = what
        self._bar: Any = None

    def __enter__(self) -> Callable[[int, int], None]:
        return self._advance if sys.stderr.isatty() else lambda _done, _all: None

    def _advance(self, done: int, all_: int) -> None:
        if self._bar is None:
            from rich.console import Console
            from rich.progress import Progress

            self._bar = Progress(console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task(self.what, total=all_)
        self._bar.update(self._task, completed=done, total=all_)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()


@click.command()
@click.option("--revoke", is_flag=True, help="Trust it no longer.")
@common
def trust_command(*, revoke: bool, as_json: bool) -> None:
    """Trust this project's memories.

    The text of a project that you cloned is a stranger's: it is marked `untrusted` wherever it is
    shown, and no agent is told of it unasked.
    """
    from memfs import trust
    from memfs.trust import inert

    here = workspace()
    trust.set_trusted(here.config.state, here.view.workspace, trusted=not revoke)
    if as_json:
        tell({"workspace": str(here.view.workspace), "trusted": not revoke})
    else:
        say([[("No longer trusted: " if revoke else "Trusted: ", ""), (inert(str(here.view.workspace)), "bold")]])


@click.command()
@click.argument("action", default="list", type=click.Choice(["list", "get", "set", "unset", "edit"]))
@click.argument("key", required=False)
@click.argument("value", required=False)
@click.option("--here", is_flag=True, help="With set or unset of mode: for this workspace alone.")
@common
def config_command(action: str, key: str | None, value: str | None, *, here: bool, as_json: bool) -> None:
    """Show and change settings.

    \b
    memfs config
    memfs config set mode hybrid
    memfs config set mode hybrid --here
    memfs config unset weights.global
    """
    from memfs import config as configuration
    from memfs.errors import Invalid
    from memfs.faces.cli import compose

    opened = workspace()
    place = opened.view.workspace
    settings = configuration.values(opened.config, place)
    if action in ("set", "unset"):
        if key is None or (action == "set") != (value is not None):
            raise Invalid("memfs config set KEY VALUE, or memfs config unset KEY.")
        if here and key != "mode":
            raise Invalid("Only the mode can be set for one workspace alone.")
        own: Path | None = place if here else None
        configuration.set_value(opened.config, key, value or "", own)
        settings = configuration.values(configuration.load(), place)
    elif action == "edit":
        opened.config.path.parent.mkdir(parents=True, exist_ok=True)
        compose.run_editor(opened.config.path)
        settings = configuration.values(configuration.load(), place)
    if key is not None and key not in settings:
        configuration.refuse_unknown(key)
    shown = {key: settings[key]} if key else settings
    if as_json:
        tell(shown)
    elif action == "get" and key:
        click.echo(settings[key])
    else:
        say(
            [(f"{name:<32} ", "dim"), (f"{setting:<10}", "bold"), (configuration.KEYS[name], "dim")]
            for name, setting in shown.items()
        )


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@common
def completion_command(shell: str, *, as_json: bool) -> None:
    """Print your shell's completion script.

    \b
    memfs completion bash >> ~/.bashrc
    memfs completion fish > ~/.config/fish/completions/memfs.fish
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    if found is not None:
        root = click.get_current_context().find_root()
        script = found(root.command, {}, "memfs", "_MEMFS_COMPLETE").source()
        tell({"shell": shell, "script": script}) if as_json else click.echo(script)

"""The commands that set memfs up and keep it well: init, doctor, reindex, trust, untrust, config, completion."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from memfs import trust
from memfs.errors import Invalid
from memfs.faces import render
from memfs.faces.cli.common import common
from memfs.faces.cli.common import progress
from memfs.faces.cli.common import say
from memfs.faces.cli.common import tell
from memfs.faces.cli.common import workspace
from memfs.trust import inert

if TYPE_CHECKING:
    from memfs.answers import Entry
    from memfs.looking import Look
    from memfs.looking import Trusted

FOUND_SOMETHING = 9


@click.command()
@click.option("--merge-driver", is_flag=True, help="Have git merge memories by memfs (a line in .gitattributes).")
@common
def init_command(*, merge_driver: bool, as_json: bool) -> None:
    """Begin a project's memory here.

    Makes the folder .memory/ and trusts it. With --merge-driver git merges two versions of a memory key
    by key, so that only texts that really clash are left to you; each clone says it once.
    """
    from memfs import learned
    from memfs import scope

    here = workspace()
    store, made = here.begin(None if scope.named_workspace(os.environ) else scope.project_of(Path.cwd()))
    learned.learn(here)
    driver: dict[str, object] = {}
    if merge_driver:
        from memfs import resolving

        repository, new = resolving.register(store)
        driver = {"merge_driver": str(repository.top), "attribute_added": new}
    if as_json:
        tell({"workspace": str(store.root.parent), "path": str(store.root), "made": made, **driver})
        return
    said = "Made" if made else "There is already"
    say([
        [(f"{said} ", "green"), (inert(str(store.root)), "bold")],
        [("Save what you learn:   ", "dim"), ('memfs save "..."', "")],
        [("Find it again:         ", "dim"), ("memfs search ...", "")],
        [("Share it with git:     ", "dim"), ("memfs commit, or like any folder", "")],
    ])  # fmt: skip
    if merge_driver:
        say([[("Git merges memories by memfs in this clone.", "")]])
        if driver["attribute_added"]:
            said = "Added a line to .gitattributes, for all clones; commit it:   "
            say([[(said, "dim"), ("git add .gitattributes && git commit", "")]])


@click.command()
@click.option("--fix", is_flag=True, help="Mend what can be mended without losing a word.")
@click.option("--strict", is_flag=True, help="Also fail for doubtful values.")
@click.option("--cues", is_flag=True, help="Also list important memories that have no cues.")
@click.option("--yes", is_flag=True, help="With --fix: do not ask before removing a second copy.")
@common
def doctor_command(*, fix: bool, strict: bool, cues: bool, yes: bool, as_json: bool) -> None:
    """Look for what is wrong, and mend it.

    Finds files that cannot be read, ids that stand twice, moves that were cut off, and what looks
    like a credential.

    What was saved with --allow-secret is listed too. With --cues it advises on memories of importance 8
    and above that nobody finds who forgot their wording.
    """
    from memfs import doctor
    from memfs.faces import render_health

    def may_remove(entry: Entry) -> bool:
        asked = not yes and not as_json and sys.stdin.isatty()
        return yes or (asked and click.confirm(f"Remove the copy {inert(str(entry.path))}?", err=True))

    with progress("looking for secrets") as advance:
        report = doctor.examine(workspace(), fix=fix, cues=cues, may_remove=may_remove, progress=advance)
    tell(render_health.report_json(report)) if as_json else say(render_health.report_lines(report))
    if not report.healthy or (strict and any(not finding.fixed for finding in report.findings)):
        click.get_current_context().exit(FOUND_SOMETHING)


@click.command()
@common
def reindex_command(*, as_json: bool) -> None:
    """Build the index anew.

    Never needed, never harmful: the index is a cache of the files.
    """
    from memfs import learned

    here = workspace()
    notes = learned.learn(here)
    with progress("indexing") as advance:
        count = here.reindex(advance)
    if as_json:
        note = " ".join(filter(None, (here.index.note, *notes)))
        tell({"memories": count, "index": str(here.index.folder), "note": note})
    else:
        say([[("Indexed ", "green"), (f"{count:,} memories", "bold")], *render.note_lines(notes)])


@click.command()
@click.option("--diff", is_flag=True, help="Show what is not accepted yet, and change nothing.")
@click.option("--always", is_flag=True, help="Trust whatever comes, too.")
@click.option("--list", "listed", is_flag=True, help="Show the projects that you trust.")
@common
def trust_command(*, diff: bool, always: bool, listed: bool, as_json: bool) -> None:
    """Trust this project's memories as they are now.

    \b
    memfs trust --diff
    memfs trust
    memfs trust --always    (a repository that only you and your team write to)
    memfs trust --list

    The text of a project that you cloned is a stranger's: it is marked `untrusted` wherever it is
    shown, and no agent is told of it unasked. What a later pull brings is a stranger's again. What
    memfs writes here for you is yours. A memory that memfs began here is trusted whatever comes, as
    with --always: `memfs trust --list` shows which are. A work tree that `git worktree add` linked to
    this one is trusted with it, whatever branch it has; look at a stranger's in a clone.
    """
    from memfs import learned
    from memfs import looking

    if diff + always + listed > 1:
        raise click.UsageError("One at a time: --diff, --always or --list.", click.get_current_context())
    here = workspace()
    if listed:
        _show_trusted(looking.trusted(here.config.state), as_json=as_json)
    elif diff:
        _show_strangers(looking.look(here), as_json=as_json)
    elif always:
        looking.accept_always(here)
        learned.learn(here)
        if as_json:
            tell({"workspace": str(here.view.workspace), "trusted": True, "always": True})
        else:
            say([[("Trusted, whatever comes: ", "green"), (inert(str(here.view.workspace)), "bold")]])
    else:
        _show_accepted(looking.accept(here), as_json=as_json)
        learned.learn(here)


def _show_accepted(found: Look, *, as_json: bool) -> None:
    place, count, hiding = found.store.root.parent, len(found.strangers), len(found.hiding)
    if as_json:
        notes = {"accepted": count, "hidden": hiding, "notes": list(found.unread)}
        tell({"workspace": str(place), "trusted": found.is_whole, "always": found.always, **notes})
        return
    if found.always:
        said = "It is trusted already, whatever comes; `memfs untrust` takes that back."
    elif not found.store.is_there():
        said = "There is no memory here yet, so nothing was accepted; what memfs saves here is trusted."
    elif not count:
        said = "Everything that is here was accepted before."
    else:
        said = f"Accepted {count:,} {'memory' if count == 1 else 'memories'}; what changes or comes later is not."
    say([[(inert(str(place)), "bold")], [(said, "green" if count else "")]])
    if hiding:
        say([[(f"{hiding:,} of them hold characters that no reader sees:", "yellow")]])
        say([(f"  {inert(each.path)}", "")] for each in found.hiding)
    say([("note: ", "yellow"), (inert(sentence), "")] for sentence in found.unread)


def _show_strangers(found: Look, *, as_json: bool) -> None:
    """Print what nobody vouches for, whole and inert."""
    place = found.store.root.parent
    if as_json:
        memories = [
            {"path": str(found.store.absolute(each.path)), "name": each.path, "change": each.change}
            | {"digest": each.digest, "hidden": each.hides, "text": each.text}
            for each in found.strangers
        ]
        tell({"workspace": str(place), "always": found.always, "memories": memories, "notes": list(found.unread)})
        return
    for each in found.strangers:
        say([
            [(inert(str(found.store.absolute(each.path))), "bold"), (f"  {each.change}", "yellow"),
             ("  holds characters that no reader sees" if each.hides else "", "bold red")],
            *([(f"  {inert(line)}", "")] for line in each.text.replace("\r\n", "\n").removesuffix("\n").split("\n")),
            [],
        ])  # fmt: skip
    if found.strangers:
        say([[(f"{len(found.strangers):,} not accepted yet; `memfs trust` accepts them as they are.", "")]])
    else:
        why = ": it is trusted, whatever comes" if found.always else ""
        say([[(f"Nothing here waits to be accepted{why}.", "")]])
    say([("note: ", "yellow"), (inert(sentence), "")] for sentence in found.unread)


def _show_trusted(trusted: Sequence[Trusted], *, as_json: bool) -> None:
    if as_json:
        tell({"trusted": [
            {"workspace": str(each.workspace), "always": each.always, "present": each.present} for each in trusted
        ]})  # fmt: skip
        return
    for each in trusted:
        line = [("always      " if each.always else "as it was   ", "dim"), (inert(str(each.workspace)), "bold")]
        say([[*line, ("" if each.present else "  is not there", "yellow")]])
    if not trusted:
        say([[("No project is trusted yet.", "")]])


@click.command()
@click.argument("path", required=False, type=click.Path(path_type=Path))
@common
def untrust_command(path: Path | None, *, as_json: bool) -> None:
    """Trust nothing of this project any more.

    Neither what was accepted nor what you saved here. PATH is another project's folder, there or gone.
    In a linked git work tree, what the main one is trusted with is taken back for both.
    """
    from memfs.settings import meant

    here = workspace()
    place = Path(os.path.realpath(path)) if path else here.view.workspace
    vouched = list(map(str, (*trust.trusted_workspaces(here.config.state), *trust.looked_at(here.config.state))))
    known = [each for each in map(os.fsdecode, trust.places_of(place)) if each in vouched]
    if not known:
        near = meant(str(place), dict.fromkeys(vouched), "projects that you trust")
        raise Invalid(f"{place} is not trusted, so there is nothing to take back.{near}")
    trust.set_trusted(here.config.state, place, trusted=False)
    if as_json:
        tell({"workspace": str(place), "trusted": False})
    else:
        say([[("No longer trusted: ", ""), (inert(" and ".join(known)), "bold")]])


@click.command()
@click.argument("action", default="list", type=click.Choice(["list", "get", "set", "unset", "edit"]))
@click.argument("key", required=False)
@click.argument("value", required=False)
@click.option("--here", is_flag=True, help="With set or unset of mode, name or private: for this workspace.")
@common
def config_command(action: str, key: str | None, value: str | None, *, here: bool, as_json: bool) -> None:
    """Show and change settings.

    \b
    memfs config
    memfs config set mode hybrid
    memfs config set mode hybrid --here
    memfs config set private true --here
    memfs config set cross_project true
    memfs config unset weights.global
    """
    from memfs import config as configuration
    from memfs import settings as settable
    from memfs.faces.cli import compose

    opened = workspace()
    place = opened.view.workspace
    settings = settable.values(opened.config, place)
    if action in ("set", "unset"):
        if key is None or (action == "set") != (value is not None):
            raise Invalid("memfs config set KEY VALUE, or memfs config unset KEY.")
        own: Path | None = place if here else None
        settable.set_value(opened.config, key, value or "", own)
        settings = settable.values(configuration.load(), place)
    elif action == "edit":
        opened.config.path.parent.mkdir(parents=True, exist_ok=True)
        compose.run_editor(opened.config.path)
        settings = settable.values(configuration.load(), place)
    if key is not None and key not in settings:
        settable.refuse_unknown(key)
    shown = {key: settings[key]} if key else settings
    if as_json:
        tell(shown)
    elif action == "get" and key:
        click.echo(_shown(settings[key]))
    else:
        say(
            [(f"{name:<32} ", "dim"), (f"{_shown(setting) or '-':<10} ", "bold"), (settable.KEYS[name], "dim")]
            for name, setting in shown.items()
        )
        say(render.note_lines(configuration.load().problems))


def _shown(setting: str | float | bool) -> str:
    return str(setting).lower() if isinstance(setting, bool) else str(setting)


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

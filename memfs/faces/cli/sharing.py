"""The commands that say who shares what with whom: group, channel."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from memfs import settings
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
    from memfs.sharing import Channel
    from memfs.sharing import Group
    from memfs.sharing import Subscription
    from memfs.sharing import Told

EVERYONE = click.option("--all", "everyone", is_flag=True, help="For every workspace, not this one alone.")


# ---- group


@click.group(cls=Actions)
def group_command() -> None:
    """Share memories between some of your projects.

    \b
    memfs group create shop
    memfs group add shop                   (this project)
    memfs group add shop ~/src/shop-web
    memfs save "The API speaks JSON." --scope group:shop
    memfs group share shop on
    memfs group remove shop shop-web

    A group has memories of its own, which its members see in hybrid mode beside theirs and save to
    with --scope group:NAME. One that shares also lets its members read each other's memories.
    """


@group_command.command("list")
@common
def group_list_command(*, as_json: bool) -> None:
    """Show the groups and their members."""
    from memfs import sharing

    found = sharing.groups(workspace())
    tell({"groups": [_group_json(each) for each in found]}) if as_json else say(_group_lines(found))


@group_command.command("create")
@click.argument("name")
@click.option("--share-members", is_flag=True, help="Have its members see each other's memories, too.")
@click.option("--remote", metavar="URL", help="The repository that a team has its memories in.")
@common
def group_create_command(name: str, remote: str | None, *, share_members: bool, as_json: bool) -> None:
    """Begin a group, without members.

    \b
    memfs group create team --remote git@example.com:team/memories.git

    With --remote it has what that repository has, and `memfs sync` keeps the two the same.
    """
    from memfs import sharing
    from memfs.network import checked_remote

    address = checked_remote(remote) if remote is not None else ""
    settings.create_group(workspace().config, name)
    if share_members:
        sharing.share(workspace(), name, shares=True)
    if address:
        settings.set_remote(workspace().config, f"group:{name}", address)
        _bring(name)
    made = sharing.group(workspace(), name)
    if as_json:
        tell(_group_json(made))
        return
    say([[("Made the group ", "green"), (name, "bold")]])
    if made.memories:
        whence = "shared with its remote" if address else "from before"
        say([[(f"It has {counted(made.memories)} {whence}, in {inert_line(str(made.store.root))}.", "dim")]])
    say([[("Add a project:  ", "dim"), (f"memfs group add {name} [PATH]", "")]])


def _bring(name: str) -> None:
    """Bring what the remote of the new group *name* has; if it does not answer, the group and its remote are kept."""
    from memfs import syncing
    from memfs.network import Unreachable
    from memfs.shelves import shelf_of

    config = workspace().config
    try:
        syncing.sync(config, shelf_of(config, group=name))
    except Unreachable as error:
        raise Unreachable(
            f"{error} The group {name} is made; `memfs sync --group {name}` brings its memories."
        ) from error


@group_command.command("add")
@click.argument("name")
@click.argument("path", required=False, type=click.Path(path_type=Path))
@common
def group_add_command(name: str, path: Path | None, *, as_json: bool) -> None:
    """Add a project to a group: this one, or that of PATH.

    Once more for one that was moved or cloned: a member is a folder.
    """
    from memfs import sharing

    told = sharing.join(workspace(), name, path)
    _show("Added" if told.changed else "It was there already:", told, {"group": name}, as_json=as_json)


@group_command.command("remove")
@click.argument("name")
@click.argument("member", default="", metavar="[PATH]")
@common
def group_remove_command(name: str, member: str, *, as_json: bool) -> None:
    """Take a project out of a group: this one, or that of PATH.

    PATH may be gone, and may be a project's name.
    """
    from memfs import sharing

    _show("Removed", sharing.leave(workspace(), name, member), {"group": name}, as_json=as_json)


@group_command.command("share")
@click.argument("name")
@click.argument("state", type=ON_OR_OFF, metavar="on|off")
@common
def group_share_command(name: str, state: str, *, as_json: bool) -> None:
    """Have the members of a group see each other's memories."""
    from memfs import sharing

    found = sharing.share(workspace(), name, shares=state == "on")
    tell(_group_json(found)) if as_json else say(_group_lines([found]))


@group_command.command("delete")
@click.argument("name")
@common
def group_delete_command(name: str, *, as_json: bool) -> None:
    """Forget a group; its memories stay where they are."""
    from memfs import sharing

    here = workspace()
    found = sharing.group(here, name)
    settings.delete_group(here.config, name)
    if as_json:
        tell(_group_json(found))
    else:
        where = inert_line(str(found.store.root))
        say([[("Forgot the group ", "green"), (name, "bold")]])
        say([[(f"What it has is kept, and seen by nobody: {counted(found.memories)}, in {where}", "dim")]])


def _group_json(group: Group) -> Json:
    members = [{"workspace": str(each.workspace), "present": each.present, "here": each.here} for each in group.members]
    return {
        "name": group.name,
        "share": "members" if group.shares else "store",
        "members": members,
        "path": str(group.store.root),
        "count": group.memories,
        "remote": group.remote or None,
    }


def _group_lines(groups: Sequence[Group]) -> Iterator[Line]:
    for group in groups:
        shares = "members see each other's memories" if group.shares else "members see its memories, not each other's"
        yield [(f"{group.name}  ", "bold"), (f"{counted(group.memories)}; {shares}", "")]
        yield [(f"  {inert_line(str(group.store.root))}", "dim")]
        if group.remote:
            yield [(f"  synced with {inert_line(group.remote)}", "dim")]
        for member in group.members:
            line = [(f"  {inert_line(str(member.workspace))}", "")]
            line += [("  this workspace", "green")] if member.here else []
            line += [("  is not there; `memfs group remove` takes it out", "yellow")] if not member.present else []
            yield line
        if not group.members:
            yield [("  no members yet", "dim")]
    if not groups:
        yield [("No groups yet.", ""), (" Make one: memfs group create NAME", "dim")]


# ---- channel


@click.group(cls=Actions)
def channel_command() -> None:
    """Share single memories with whoever subscribes.

    \b
    memfs save "Orders are paged by cursor." --channel api-contract
    memfs channel subscribe api-contract   (in another project)
    memfs channel subscribe 'api-*' --all  (in every project)
    memfs search channel:api-contract

    A memory with channels stays where it lies. Projects that subscribe to one see it too, in hybrid
    mode, read-only, if you trust the project that it comes from.
    """


@channel_command.command("list")
@click.option("--all", "everywhere", is_flag=True, help="Count in all your projects (see `search --all`).")
@common
def channel_list_command(*, everywhere: bool, as_json: bool) -> None:
    """Show the channels of what is visible here, and who subscribes."""
    from memfs import sharing

    here = workspace()
    found = sharing.channels(here.across() if everywhere else here)
    own = sharing.subscriptions(here)
    if as_json:
        tell({
            "channels": [_channel_json(each) for each in found],
            "subscriptions": [_subscription_json(each) for each in own],
        })  # fmt: skip
    else:
        say(_channel_lines(found, own))


@channel_command.command("subscribe")
@click.argument("name")
@EVERYONE
@common
def channel_subscribe_command(name: str, *, everyone: bool, as_json: bool) -> None:
    """See what is put into a channel; `*` in NAME stands for anything."""
    from memfs import sharing

    told = sharing.subscribe(workspace(), name, everyone=everyone)
    said = "Subscribed" if told.changed else "Subscribed already:"
    _show(said, told, {"pattern": name, "all": everyone}, as_json=as_json)


@channel_command.command("unsubscribe")
@click.argument("name")
@EVERYONE
@common
def channel_unsubscribe_command(name: str, *, everyone: bool, as_json: bool) -> None:
    """See it no longer."""
    from memfs import sharing

    told = sharing.unsubscribe(workspace(), name, everyone=everyone)
    _show("Unsubscribed", told, {"pattern": name, "all": everyone}, as_json=as_json)


def _channel_json(channel: Channel) -> Json:
    subscribers = [_subscription_json(each) for each in channel.subscribers]
    return {"name": channel.name, "count": channel.memories, "subscribers": subscribers}


def _subscription_json(subscription: Subscription) -> Json:
    place = subscription.workspace
    return {"workspace": str(place) if place else None, "all": place is None, "pattern": subscription.pattern}


def _channel_lines(channels: Sequence[Channel], own: Sequence[Subscription]) -> Iterator[Line]:
    for channel in channels:
        yield [(f"{inert_line(channel.name)}  ", "bold"), (counted(channel.memories), "")]
        for each in channel.subscribers:
            who = inert_line(str(each.workspace or "every workspace"))
            yield [(f"  seen by {who}, in hybrid mode", "dim"), (f" ({each.pattern})", "dim")]
    if not channels:
        yield [("Nothing visible here is in a channel.", ""), (" Put something there: save --channel NAME", "dim")]
    if own:
        listed = (f"{each.pattern} (with every workspace)" if each.workspace is None else each.pattern for each in own)
        yield [("This workspace subscribes to ", "dim"), (", ".join(listed), "")]


# ---- what both share


def _show(said: str, told: Told, beside: Json, *, as_json: bool) -> None:
    if as_json:
        tell({
            "workspace": str(told.workspace), **beside, "changed": told.changed, "notes": list(told.sentences),
        })  # fmt: skip
        return
    say([[(f"{said} ", "green"), (inert_line(str(told.workspace)), "bold")]])
    say([(inert_line(sentence), "dim")] for sentence in told.sentences)

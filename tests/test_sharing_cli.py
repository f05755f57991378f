"""Groups, channels, projects, questions across them, and trust, as a person has them from the command line."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.commands import as_json
from tests.commands import memfs
from tests.worlds import World
from tests.worlds import files_below

HIDDEN = "\u200b\u202e\x1b[2J\U000e0041\u2028"


def put(folder: Path, name: str, text: str) -> Path:
    """Write a memory into the store of the workspace *folder*; return its path."""
    path = folder / ".memory" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return path


def saved(world: World, name: str, text: str, *options: str) -> dict[str, Any]:
    """Save *text* in the workspace *name* as a person would, so that it is known and trusted; return the answer."""
    return as_json(world, "save", text, *options, folder=world.folder(name))


def seen(world: World, name: str, *query: str) -> list[tuple[str, str]]:
    """Return scope and title of what is found in the workspace *name* for *query*; by the command with options."""
    folder = world.folder(name)
    if len(query) == 1:
        return sorted((hit.entry.store.scope, hit.entry.memory.title) for hit in world.open(folder).search(*query).hits)
    hits = as_json(world, "search", *query, folder=folder)["hits"]
    return sorted((hit["scope"], hit["title"]) for hit in hits)


@pytest.fixture
def three(world: World) -> World:
    """Return a machine in hybrid mode with the projects `api`, `web` and `other`, a memory in each."""
    world.config('mode = "hybrid"\n')
    for name in ("api", "web", "other"):
        world.open(world.folder(name)).save(f"The lighthouse of {name}.", {"title": f"In {name}"})
    return world


# ---- groups


def test_a_group_is_made_filled_shared_and_deleted(three: World) -> None:
    """Each step says who sees what now; the memories outlive the group, and are there again when it is made again."""
    api, web = three.folder("api"), three.folder("web")

    made = memfs(three, "group", "create", "shop", folder=api)
    joined = memfs(three, "group", "add", "shop", folder=api)
    memfs(three, "group", "add", "shop", str(web), folder=api)
    note = saved(three, "web", "A lighthouse of the group.", "--title", "Shared", "--scope", "group:shop")

    assert (made.code, joined.code) == (0, 0)
    assert joined.out.startswith(f"Added {api}\nIt sees group:shop, and may save there: 0 memories, in ")
    assert seen(three, "api", "lighthouse") == [("group:shop", "Shared"), ("workspace", "In api")]
    assert seen(three, "other", "lighthouse") == [("workspace", "In other")]

    shared = memfs(three, "group", "share", "shop", "on", folder=api)
    assert "members see each other's memories" in shared.out
    assert ("project:web", "In web") in seen(three, "api", "lighthouse")
    assert ("project:api", "In api") in seen(three, "web", "lighthouse")
    assert f"the memories of its fellow members too, which are only read: {web}" in (
        memfs(three, "group", "add", "shop", folder=api).out
    )
    memfs(three, "group", "share", "shop", "off", folder=api)
    assert seen(three, "api", "lighthouse") == [("group:shop", "Shared"), ("workspace", "In api")]

    gone = memfs(three, "group", "delete", "shop", folder=api)
    assert str(three.home / "groups/shop") in gone.out
    assert Path(note["path"]).exists()
    assert seen(three, "api", "lighthouse") == [("workspace", "In api")]
    assert "1 memory from before" in memfs(three, "group", "create", "shop", folder=api).out


def test_the_list_of_groups_says_who_is_there(three: World) -> None:
    """Members, this workspace among them, missing ones marked; share, count and path; for programs the same."""
    api, web = three.folder("api"), three.folder("web")
    as_json(three, "group", "create", "shop", "--share-members", folder=api)
    for folder in (api, web):
        as_json(three, "group", "add", "shop", str(folder), folder=api)
    saved(three, "api", "One.", "--scope", "group:shop")
    shutil.rmtree(web)

    listed = as_json(three, "group", folder=api)["groups"]

    assert listed == as_json(three, "group", "list", folder=api)["groups"]
    assert listed == [
        {
            "name": "shop",
            "share": "members",
            "members": [
                {"workspace": str(api), "present": True, "here": True},
                {"workspace": str(web), "present": False, "here": False},
            ],
            "path": str(three.home / "groups/shop"),
            "count": 1,
            "remote": None,
        }
    ]
    shown = memfs(three, "group", folder=api).out
    assert f"{api}  this workspace\n" in shown
    assert f"{web}  is not there" in shown
    assert (
        f"{web} is a member of a group of this workspace, and is not there."
        in (as_json(three, "status", folder=api)["notes"])
    )


def test_a_member_is_a_workspace_once_however_it_is_named(three: World) -> None:
    """A folder below it, a link, a detour or a second time change nothing; a store of one's own is a workspace."""
    api = three.folder("api")
    (api / "src/deep").mkdir(parents=True)
    inner = api / "vendored"
    (inner / ".memory").mkdir(parents=True)
    (three.root / "link").symlink_to(api)
    as_json(three, "group", "create", "shop", folder=api)

    first = as_json(three, "group", "add", "shop", "src/deep", folder=api)
    others = [
        as_json(three, "group", "add", "shop", path, folder=api)
        for path in (".", "../link", "../link/src", "src/../../api", str(api / ".memory"))
    ]
    nested = as_json(three, "group", "add", "shop", "vendored", folder=api)

    assert (first["workspace"], first["changed"]) == (str(api), True)
    assert "src/deep belongs to it." in first["notes"]
    assert {(each["workspace"], each["changed"]) for each in others} == {(str(api), False)}
    assert (nested["workspace"], nested["changed"]) == (str(inner), True)
    assert three.config().groups == {"shop": (str(api), str(inner))}


def test_a_member_is_removed_by_any_of_its_names_even_when_it_is_gone(three: World) -> None:
    """Its path, a link that config.toml has, a folder below it, its project's name; what stands beside it stays."""
    api, web, other = (three.folder(name) for name in ("api", "web", "other"))
    (three.root / "link").symlink_to(other)
    (web / "src").mkdir()
    path = three.home / "config.toml"
    members = f'members = [\n  "{three.root}/link",  # mine\n  "{api}",\n  "{web}",\n  "/gone/shop",\n]\n'
    for name in (str(other), "other", "../link"):
        path.write_text(f'mode = "hybrid"\n[groups.shop]\n{members}')
        assert as_json(three, "group", "remove", "shop", name, folder=api)["workspace"] == str(other), name
    as_json(three, "group", "remove", "shop", "../web/src", folder=api)
    as_json(three, "group", "remove", "shop", "shop", folder=api)

    assert three.config().groups == {"shop": (str(api),)}
    assert as_json(three, "group", "remove", "shop", folder=api)["workspace"] == str(api)
    refused = memfs(three, "group", "remove", "shop", "web", folder=api)
    assert (refused.code, "is no member of the group shop" in refused.sentence) == (2, True)


def test_a_folder_that_is_called_like_a_member_elsewhere_is_not_taken_for_it(three: World) -> None:
    """`group remove shop web`, said in a member with a sub-folder `web`, means the project web."""
    api, web = three.folder("api"), three.folder("web")
    (api / "web").mkdir()
    as_json(three, "group", "create", "shop", folder=api)
    for folder in (api, web):
        as_json(three, "group", "add", "shop", str(folder), folder=api)

    assert as_json(three, "group", "remove", "shop", "web", folder=api)["workspace"] == str(web)


def test_a_mode_that_shows_no_group_or_channel_is_told_with_how_to_switch(world: World) -> None:
    """The command that is named does what it says."""
    folder, other = world.trusted("api"), world.trusted("web")
    as_json(world, "group", "create", "shop", folder=folder)

    own = as_json(world, "group", "add", "shop", folder=folder)["notes"][-1]
    theirs = as_json(world, "group", "add", "shop", str(other), folder=folder)["notes"][-1]
    channel = as_json(world, "channel", "subscribe", "news", folder=folder)["notes"][-1]
    named = memfs(world, "group", "add", "shop", folder=folder, environ={"WORKSPACE_MODE": "global"}).out

    assert own.endswith("`memfs config set mode hybrid --here` switches.")
    assert f"{folder} is in isolated mode, and groups are seen in hybrid mode alone" in own
    assert f"`memfs -C {other} config set mode hybrid --here` switches." in theirs
    assert "channels are seen in hybrid mode alone" in channel
    assert named.rstrip().endswith("WORKSPACE_MODE says so.")
    as_json(world, "-C", str(other), "config", "set", "mode", "hybrid", "--here", folder=folder)
    assert "hybrid mode alone" not in memfs(world, "group", "add", "shop", str(other), folder=folder).out


def test_what_cannot_be_a_member_is_refused(world: World) -> None:
    """No folder, memfs's own home, a folder within it, a path that config.toml cannot hold; nothing is written."""
    home = world.root / "home"
    (home / ".memory" / "global").mkdir(parents=True)
    folder = world.folder()
    strange = world.root / os.fsdecode(b"w\xff")
    strange.mkdir()
    as_json(world, "group", "create", "shop", folder=folder)
    before = (world.home / "config.toml").read_bytes()

    for path in (b"nowhere", b"~", os.fsencode(home), os.fsencode(world.home), os.fsencode(strange)):
        answer = memfs(world, "group", "add", "shop", path, folder=folder)
        assert answer.code == 2, path
        assert answer.sentence
    assert (world.home / "config.toml").read_bytes() == before


def test_memfs_home_as_a_member_by_hand_shows_nothing_of_it(three: World) -> None:
    """A group of a folder whose `.memory` is memfs's own would be a door to every other group."""
    (three.root / "home/.memory/groups/secret").mkdir(parents=True)
    (three.root / "home/.memory/groups/secret/a.md").write_text("lighthouse of a secret\n")
    api = three.folder("api")
    three.config(
        f'mode = "hybrid"\n[groups.shop]\nshare = "members"\nmembers = ["{api}", "{three.root}/home", "{three.home}"]\n'
    )

    hits = as_json(three, "search", "lighthouse", folder=api)["hits"]  # only a process has its home in this HOME
    assert [hit["title"] for hit in hits] == ["In api"]


@pytest.mark.parametrize(
    ("arguments", "near"),
    [
        (("group", "ad", "shop"), "add"),
        (("group", "add", "shp"), "shop"),
        (("group", "delete", "shopp"), "shop"),
        (("group", "share", "shop", "yes"), "on"),
        (("group", "create", "shop"), "There is a group shop already"),
        (("group", "create", "shop", "--remote", "https://x.example/x"), "memfs sync --group shop --remote URL"),
        (("group", "create", "../x"), "no group name"),
        (("channel", "subscribe", "../x"), "no channel"),
        (("channel", "unsubscribe", "nothing"), "no subscription"),
        (("projects", "forget", "weeb"), "web"),
        (("projects", "name", "Not a name"), "no name"),
        (("subscribe", "x"), "channel subscribe"),
        (("workspaces",), "projects"),
        (("revoke",), "untrust"),
    ],
)
def test_what_is_meant_is_suggested(three: World, arguments: tuple[str, ...], near: str) -> None:
    """Wrong usage, a sentence, and nothing written."""
    as_json(three, "group", "create", "shop", folder=three.folder("web"))
    before = files_below(three.home)

    answer = memfs(three, *arguments, folder=three.folder("web"))

    assert answer.code == 2
    assert near in answer.sentence
    assert files_below(three.home) == before


@pytest.mark.parametrize("command", ["group", "channel", "projects"])
def test_each_action_explains_itself(world: World, command: str) -> None:
    """The command's help has examples and lists its actions; each has a help of its own."""
    shown = memfs(world, command, "--help").out
    actions = [line.split()[0] for line in shown.split("Commands:\n")[1].splitlines()]

    assert f"  memfs {command}" in shown
    assert "list" in actions
    for action in actions:
        assert "--json" in memfs(world, command, action, "--help").out


def test_nothing_is_changed_while_the_config_cannot_be_read(three: World) -> None:
    """A sentence and exit code 8; the file stays, and what it said before holds."""
    api = three.folder("api")
    as_json(three, "group", "create", "shop", folder=api)
    path = three.home / "config.toml"
    path.write_text(f"{path.read_text()}mode = [\n")
    broken = path.read_bytes()

    for arguments in (
        ("group", "add", "shop"),
        ("group", "create", "two"),
        ("group", "delete", "shop"),
        ("channel", "subscribe", "news"),
        ("projects", "private", "on"),
        ("projects", "name", "api"),
    ):
        answer = memfs(three, *arguments, "--json", folder=api)
        assert (answer.code, answer.error["code"]) == (8, "bad_config"), arguments
    assert path.read_bytes() == broken
    assert [each["name"] for each in as_json(three, "group", folder=api)["groups"]] == ["shop"]


# ---- channels


def test_a_channel_is_seen_by_who_subscribes_and_no_longer_after(three: World) -> None:
    """By its name or a pattern, here or everywhere; read-only, and where it lies nothing moves."""
    note = saved(three, "api", "Orders are paged by cursor.", "--channel", "API-contract", "--title", "Paging")
    web = three.folder("web")
    assert seen(three, "web", "channel:api-contract") == []

    for everywhere in ([], ["--all"]):
        for pattern in ("api-contract", "API-*", "*"):
            as_json(three, "channel", "subscribe", pattern, *everywhere, folder=web)
            assert seen(three, "web", "channel:api-contract") == [("project:api", "Paging")], (pattern, everywhere)
            assert seen(three, "web", "lighthouse") == [("workspace", "In web")]
            assert bool(seen(three, "other", "paged")) is bool(everywhere)
            assert memfs(three, "update", note["id"], "--title", "x", folder=web).code == 6
            as_json(three, "channel", "unsubscribe", pattern, *everywhere, folder=web)
            assert seen(three, "web", "paged") == []


def test_an_update_puts_a_memory_into_a_channel_and_takes_it_out(three: World) -> None:
    """With `update --channel` and `--unset channels`; a name that nobody could subscribe to is refused."""
    note = saved(three, "api", "Orders are paged by cursor.", "--title", "Paging")
    api, web = three.folder("api"), three.folder("web")
    as_json(three, "channel", "subscribe", "news", folder=web)

    as_json(three, "update", note["id"], "--channel", "news", folder=api)
    assert seen(three, "web", "paged") == [("project:api", "Paging")]
    as_json(three, "update", note["id"], "--unset", "channels", folder=api)

    assert seen(three, "web", "paged") == []
    for arguments in (("update", note["id"], "--channel", "../x"), ("save", "x", "--channel", "a b")):
        answer = memfs(three, *arguments, folder=api)
        assert (answer.code, "is no channel" in answer.sentence) == (2, True)


def test_the_list_of_channels_names_and_counts_only_what_is_visible(three: World) -> None:
    """With who subscribes by which pattern; in all projects only where questions across them are allowed."""
    saved(three, "api", "One.", "--channel", "api-contract")
    saved(three, "other", "Two.", "--channel", "api-contract", "--channel", "internal")
    web, api = three.folder("web"), three.folder("api")
    assert as_json(three, "channel", folder=web) == {"channels": [], "subscriptions": []}
    assert "in a channel" in memfs(three, "channel", folder=web).out
    as_json(three, "channel", "subscribe", "api-*", "--all", folder=api)
    as_json(three, "channel", "subscribe", "internal", folder=api)
    everyone = {"workspace": None, "all": True, "pattern": "api-*"}
    own = {"workspace": str(api), "all": False, "pattern": "internal"}
    as_json(three, "projects", "private", "on", str(three.folder("other")), folder=web)

    listed = as_json(three, "channel", "list", folder=web)

    assert listed["channels"] == [{"name": "api-contract", "count": 1, "subscribers": [everyone]}]
    assert listed["subscriptions"] == [everyone]
    assert as_json(three, "channel", folder=api)["subscriptions"] == [everyone, own]
    assert "internal" not in memfs(three, "channel", folder=web).out
    assert memfs(three, "channel", "list", "--all", folder=web).code == 6
    as_json(three, "projects", "private", "off", str(three.folder("other")), folder=web)
    as_json(three, "config", "set", "cross_project", "true", folder=web)
    assert as_json(three, "channel", "list", "--all", folder=web)["channels"] == [
        {"name": "api-contract", "count": 2, "subscribers": [everyone]},
        {"name": "internal", "count": 1, "subscribers": [own]},
    ]
    assert f"seen by {api}, in hybrid mode (internal)" in memfs(three, "channel", "--all", folder=web).out


def test_a_subscription_of_every_workspace_is_ended_for_every_one(three: World) -> None:
    """One project cannot leave it; the refusal says how to end it, and a second subscription of one's own is told."""
    web = three.folder("web")
    as_json(three, "channel", "subscribe", "news", "--all", folder=web)

    refused = memfs(three, "channel", "unsubscribe", "news", folder=web)
    as_json(three, "channel", "subscribe", "news", folder=web)
    again = as_json(three, "channel", "subscribe", "news", folder=web)
    own = as_json(three, "channel", "unsubscribe", "news", folder=web)

    assert (refused.code, "memfs channel unsubscribe news --all" in refused.sentence) == (2, True)
    assert again["changed"] is False
    assert own["notes"] == ["Every workspace still subscribes to news, this one too."]
    as_json(three, "channel", "unsubscribe", "news", "--all", folder=web)
    assert three.config().channels == {}


# ---- projects, and questions across them


def test_projects_are_listed_named_forgotten_and_kept_private(three: World) -> None:
    """In the order of their first use; a forgotten one is back when it is used; a private one is not counted here."""
    api, web, other = (three.folder(name) for name in ("api", "web", "other"))
    listed = as_json(three, "projects", folder=api)["projects"]
    assert [each["name"] for each in listed] == ["api", "web", "other"]
    assert listed[1] == {
        "name": "web", "path": str(web), "present": True, "private": False, "mode": "hybrid", "count": 1,
    }  # fmt: skip

    assert as_json(three, "projects", "name", "front", "web", folder=api) == {"workspace": str(web), "name": "front"}
    assert memfs(three, "projects", "name", "front", folder=api).code == 2
    as_json(three, "projects", "private", "on", "../other", folder=api)
    assert memfs(three, "projects", "forget", str(api), folder=web).out.startswith(f"{api} is left out; it comes back")
    listed = as_json(three, "projects", folder=web)["projects"]
    assert [(each["name"], each["private"], each["count"]) for each in listed] == [
        ("front", False, 1),
        ("other", True, None),
    ]
    as_json(three, "list", folder=api)
    as_json(three, "projects", "private", "off", "other", folder=api)
    assert as_json(three, "config", "get", "private", folder=other) == {"private": False}
    shutil.rmtree(other)
    shown = memfs(three, "projects", folder=web).out
    assert f"other  hybrid, is not there\n  {other}\n" in shown
    assert shown.endswith(f"api  hybrid, 1 memory\n  {api}\n")
    as_json(three, "projects", "forget", "other", folder=api)
    assert [each["name"] for each in as_json(three, "projects", folder=web)["projects"]] == ["front", "api"]


def test_a_question_across_projects_is_answered_only_when_the_user_allowed_it(three: World) -> None:
    """Off, it is refused with how to switch it on; on, every project answers under its name, but a private one."""
    api = three.folder("api")
    saved(three, "api", "The lighthouse of all.", "--global", "--title", "Global")
    refused = memfs(three, "search", "--all", "lighthouse", "--json", folder=api)
    assert (refused.code, refused.error["code"]) == (6, "out_of_scope")
    assert "memfs config set cross_project true" in refused.error["message"]
    assert memfs(three, "get", "In web", "--project", "web", folder=api).code == 6
    as_json(three, "config", "set", "cross_project", "true", folder=api)
    as_json(three, "projects", "private", "on", "other", folder=api)

    everywhere = seen(three, "api", "--all", "lighthouse")

    assert everywhere == [("global", "Global"), ("project:api", "In api"), ("project:web", "In web")]
    assert seen(three, "api", "lighthouse") == [("global", "Global"), ("workspace", "In api")]
    assert seen(three, "api", "--project", "web", "lighthouse") == [("project:web", "In web")]
    assert seen(three, "api", "--project", "web", "--project", "api", "lighthouse") == everywhere[1:]
    assert memfs(three, "search", "--project", "other", "lighthouse", folder=api).code == 2
    assert ("project:other", "In other") in seen(three, "other", "--all", "lighthouse")
    assert len(as_json(three, "search", "--all", "lighthouse", "-n", "2", folder=api)["hits"]) == 2


def test_a_question_across_projects_can_be_narrowed_to_a_scope(three: World) -> None:
    """`--scope`, `scope:` and `-scope:` mean what they mean here; one's own is `workspace` too."""
    as_json(three, "config", "set", "cross_project", "true", folder=three.folder("api"))
    own, web = ("project:api", "In api"), ("project:web", "In web")
    saved(three, "api", "The lighthouse of all.", "--global", "--title", "Global")

    assert seen(three, "api", "--all", "--scope", "workspace", "lighthouse") == [own]
    assert seen(three, "api", "--all", "lighthouse scope:project:web") == [web]
    assert seen(three, "api", "--all", "--scope", "global", "lighthouse") == [("global", "Global")]
    assert own not in seen(three, "api", "--all", "lighthouse -scope:workspace")
    refused = memfs(three, "search", "--project", "web", "--scope", "workspace", "x", folder=three.folder("api"))
    assert (refused.code, "none of the projects that are asked" in refused.sentence) == (6, True)


def test_a_hit_of_another_project_is_read_by_its_id_and_project(three: World) -> None:
    """As it was found; nothing of it is changed from here."""
    as_json(three, "config", "set", "cross_project", "true", folder=three.folder("api"))
    [hit] = as_json(three, "search", "--project", "web", "lighthouse", folder=three.folder("api"))["hits"]
    name = hit["scope"].removeprefix("project:")

    got = as_json(three, "get", hit["id"], "--project", name, folder=three.folder("api"))

    assert (got["scope"], got["body"]) == ("project:web", "The lighthouse of web.")
    assert memfs(three, "get", hit["id"], folder=three.folder("api")).code == 3
    assert memfs(three, "forget", hit["id"], folder=three.folder("api")).code == 3


def test_asking_everywhere_leaves_nothing_out_that_is_seen_here(three: World) -> None:
    """A fellow member in which memfs was never used, and what a group puts into a channel, are asked too."""
    api = three.folder("api")
    cloned = three.root / "cloned"
    put(cloned, "a.md", "---\ntitle: In cloned\n---\nlighthouse\n")
    three.config(
        'mode = "hybrid"\ncross_project = true\nchannels = ["news"]\n'
        f'[groups.far]\nmembers = ["{three.folder("web")}"]\n'
        f'[groups.shop]\nshare = "members"\nmembers = ["{api}", "{cloned}"]\n'
    )
    saved(three, "web", "The lighthouse of a group.", "--scope", "group:far", "--channel", "news", "--title", "News")
    beyond = {("project:cloned", "In cloned"), ("group:far", "News")}

    assert beyond <= set(seen(three, "api", "lighthouse"))
    assert beyond <= set(seen(three, "api", "--all", "lighthouse"))


def test_two_fellow_members_of_one_name_are_told_apart(three: World) -> None:
    """Each has a scope of its own, though memfs was used in neither."""
    api = three.folder("api")
    for place in ("a/shop", "b/shop"):
        put(three.root / place, "a.md", f"---\ntitle: In {place}\n---\nlighthouse\n")
    members = ", ".join(f'"{path}"' for path in (api, three.root / "a/shop", three.root / "b/shop"))
    three.config(f'mode = "hybrid"\n[groups.shop]\nshare = "members"\nmembers = [{members}]\n')

    found = seen(three, "api", "lighthouse")

    assert found == [("project:a/shop", "In a/shop"), ("project:b/shop", "In b/shop"), ("workspace", "In api")]
    assert as_json(three, "get", "In b/shop", "--scope", "project:b/shop", folder=api)["title"] == "In b/shop"


def test_a_project_whose_name_steers_a_terminal_is_shown_inert(three: World) -> None:
    """Wherever its name or path appears."""
    evil = three.folder("evil\x1b[2J\u202e")
    put(evil, "a.md", "---\ntitle: In evil\nchannels: [news]\n---\nlighthouse\n")
    as_json(three, "trust", folder=evil)
    api = three.folder("api")
    as_json(three, "group", "create", "shop", "--share-members", folder=api)
    for folder in (api, evil):
        as_json(three, "group", "add", "shop", str(folder), folder=api)
    as_json(three, "channel", "subscribe", "news", folder=evil)

    for arguments in (
        ("search", "lighthouse"), ("get", "In evil"), ("status",), ("projects",), ("group",), ("channel",),
        ("group", "add", "shop", str(evil)), ("group", "remove", "shop", str(evil)), ("trust", "--list"),
        ("projects", "private", "on", str(evil)), ("projects", "forget", str(evil)),
    ):  # fmt: skip
        answer = memfs(three, *arguments, folder=api)
        assert answer.code == 0, answer.err
        assert not {"\x1b", "\u202e"} & set(answer.out), arguments


# ---- status


def test_status_says_who_sees_what_and_what_is_seen_of_others(three: World) -> None:
    """Each scope with its audience, each guest with what it shows, and the subscriptions, in force or not."""
    api, web, other = (three.folder(name) for name in ("api", "web", "other"))
    as_json(three, "group", "create", "shop", "--share-members", folder=api)
    for folder in (api, web):
        as_json(three, "group", "add", "shop", str(folder), folder=api)
    saved(three, "other", "Paged by cursor.", "--channel", "news")
    as_json(three, "channel", "subscribe", "news", folder=api)

    status = as_json(three, "status", folder=api)
    shown = memfs(three, "status", folder=api).out

    by_scope = {each["scope"]: each["seen_by"] for each in status["stores"]}
    assert by_scope["workspace"].endswith("and by the members of group:shop")
    assert by_scope["group:shop"].startswith("the members of group:shop, in hybrid mode")
    assert [(each["scope"], each["channels"], each["count"]) for each in status["guests"]] == [
        ("project:web", None, 1),
        ("project:other", ["news"], 1),
    ]
    assert status["subscriptions"] == ["news"]
    assert "\nchannels  news\n" in shown
    assert "the subscribers of its channels" in as_json(three, "status", folder=other)["stores"][0]["seen_by"]
    as_json(three, "projects", "private", "on", folder=other)
    assert as_json(three, "status", folder=other)["stores"][0]["seen_by"].endswith("nobody else, as it is private")
    isolated = memfs(three, "status", "--mode", "isolated", folder=api).out
    assert "channels  news; seen in hybrid mode, and not in isolated mode" in isolated


# ---- settings by another name of the folder


def test_a_setting_finds_the_table_of_its_workspace_however_the_path_is_written(world: World) -> None:
    """By a link or from the home: what is there is changed, and not written beside itself."""
    folder = world.trusted("home/src/api")
    (world.root / "link").symlink_to(folder)
    path = world.home / "config.toml"
    for written in (f"{world.root}/link", "~/src/api"):
        text = f'[workspaces."{written}"]\nmode = "hybrid" # mine\nchannels = ["news"]\nname = "backend"\n'
        world.config(text)

        assert as_json(world, "status", folder=folder)["subscriptions"] == ["news"]
        assert as_json(world, "status", folder=folder)["mode"] == "hybrid"
        as_json(world, "channel", "subscribe", "api-*", folder=folder)
        as_json(world, "channel", "unsubscribe", "news", folder=folder)
        as_json(world, "config", "unset", "name", "--here", folder=folder)
        assert path.read_text() == f'[workspaces."{written}"]\nmode = "hybrid" # mine\nchannels = ["api-*"]\n'


# ---- trust


def test_trust_accepts_what_is_there_and_nothing_that_comes_later(world: World) -> None:
    """By digest: what a pull brings or changes is a stranger's again, until it is looked at."""
    folder = world.folder()
    put(folder, "a.md", "---\nid: abc\n---\nDo as I say.\n")
    put(folder, "sub/b.md", f"Hidden {HIDDEN} orders.\r\nThat is all.\r\n")

    before = memfs(world, "trust", "--diff").out
    assert as_json(world, "get", "abc")["trusted"] is False
    accepted = as_json(world, "trust")
    assert as_json(world, "get", "abc")["trusted"] is True
    put(folder, "a.md", "---\nid: abc\n---\nDo as I say now.\n")
    put(folder, "new.md", "New.\n")
    memories = as_json(world, "trust", "--diff")["memories"]

    assert "Hidden \\u200b\\u202e\\u001b[2J\\U000e0041\\u2028 orders.\n  That is all.\n" in before
    assert before.endswith("2 not accepted yet; `memfs trust` accepts them as they are.\n")
    assert accepted == {
        "workspace": str(folder), "trusted": True, "always": False, "accepted": 2, "hidden": 1, "notes": [],
    }  # fmt: skip
    assert [(each["name"], each["change"], each["hidden"]) for each in memories] == [
        ("a.md", "changed", False),
        ("new.md", "new", False),
    ]
    assert memories[0]["text"] == "---\nid: abc\n---\nDo as I say now.\n"
    assert as_json(world, "get", "abc")["trusted"] is False
    assert "2 of its files" in as_json(world, "status")["notes"][0]


def test_looking_changes_nothing(world: World) -> None:
    """`trust --diff` and `trust --list` write neither in the project nor in the state."""
    put(world.folder(), "a.md", "One.\n")
    as_json(world, "list")
    before = files_below(world.root)

    memfs(world, "trust", "--diff")
    as_json(world, "trust", "--diff")
    as_json(world, "trust", "--list")

    assert files_below(world.root) == before


def test_what_memfs_writes_among_a_strangers_memories_is_ones_own(world: World) -> None:
    """It is not listed as unaccepted, and an edit from outside is known for a change of it."""
    put(world.folder(), "a.md", "A stranger's.\n")
    path = Path(as_json(world, "save", "Mine.")["path"])

    names = [each["name"] for each in as_json(world, "trust", "--diff")["memories"]]
    path.write_text(path.read_text() + "And theirs.\n")
    after = {each["name"]: each["change"] for each in as_json(world, "trust", "--diff")["memories"]}

    assert names == ["a.md"]
    assert after == {"a.md": "new", path.name: "changed"}


def test_trust_says_when_there_is_nothing_to_do(world: World) -> None:
    """Accepted before, trusted always, or no memory at all; each a sentence, and nothing is written."""
    empty = world.root / "empty"
    empty.mkdir()
    assert "There is no memory here yet" in memfs(world, "trust", folder=empty).out
    assert as_json(world, "trust", folder=empty)["trusted"] is False
    put(world.folder(), "a.md", "One.\n")
    assert "Accepted 1 memory" in memfs(world, "trust").out
    before = files_below(world.state)
    assert "accepted before" in memfs(world, "trust").out
    assert files_below(world.state) == before
    always = world.trusted("always")
    as_json(world, "list", folder=always)
    before = files_below(world.state)
    assert "trusted already, whatever comes" in memfs(world, "trust", folder=always).out
    assert as_json(world, "trust", folder=always) == {
        "workspace": str(always), "trusted": True, "always": True, "accepted": 0, "hidden": 0, "notes": [],
    }  # fmt: skip
    assert files_below(world.state) == before


def test_trust_is_given_always_listed_and_taken_back(world: World) -> None:
    """Both kinds, with those that are gone; taking it back takes back what was accepted, too."""
    one, other = world.folder("one"), world.folder("other")
    put(one, "a.md", "---\nid: abc\n---\nOne.\n")
    as_json(world, "trust", folder=one)
    assert as_json(world, "trust", "--always", folder=other) == {
        "workspace": str(other), "trusted": True, "always": True,
    }  # fmt: skip
    put(other, "b.md", "---\nid: abc\n---\nComes later.\n")
    assert as_json(world, "get", "abc", folder=other)["trusted"] is True
    shutil.rmtree(other)

    assert as_json(world, "trust", "--list", folder=one)["trusted"] == [
        {"workspace": str(other), "always": True, "present": False},
        {"workspace": str(one), "always": False, "present": True},
    ]
    assert memfs(world, "trust", "--list", folder=one).out == (
        f"always      {other}  is not there\nas it was   {one}\n"
    )
    as_json(world, "untrust", str(other), folder=one)
    assert as_json(world, "untrust", folder=one) == {"workspace": str(one), "trusted": False}
    assert as_json(world, "get", "abc", folder=one)["trusted"] is False
    assert "No project is trusted yet." in memfs(world, "trust", "--list", folder=one).out
    assert memfs(world, "trust", "--diff", "--always", folder=one).code == 2


def test_memfs_own_home_is_no_project_to_trust(world: World) -> None:
    """Neither once nor always: its folder is not a project's memory."""
    home = world.root / "home"
    (home / ".memory").mkdir()

    for arguments in ((), ("--always",), ("--diff",)):
        answer = memfs(world, "trust", *arguments, "--json", folder=home)
        assert (answer.code, answer.error["code"]) == (6, "out_of_scope")
    assert json.loads(memfs(world, "trust", "--list", "--json").out) == {"trusted": []}

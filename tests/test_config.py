"""What the user set: the environment and config.toml, read once; a wrong word costs itself, never the rest."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from memfs.config import DEFAULT_WEIGHTS
from memfs.config import load
from memfs.errors import BadConfig
from memfs.errors import Invalid
from memfs.errors import StorageFailed
from memfs.settings import KEYS
from memfs.settings import ONLY_OWN_KEYS
from memfs.settings import delete_group
from memfs.settings import set_value
from memfs.settings import values
from memfs.workspace import Workspace
from tests.worlds import World
from tests.worlds import files_below
from tests.worlds import finished
from tests.worlds import new_world
from tests.worlds import without_powers

COMMENTED = """\
# my settings
mode = "hybrid"   # everything

[weights]
global = 0.5      # less
workspace = 1.0

[groups.team]     # us
members = ["~/a", "/b"]
"""


# ---- folders


def test_the_three_folders_come_from_the_environment(world: World) -> None:
    """`MEMFS_HOME`, `MEMFS_CACHE` and `MEMFS_STATE`, made absolute."""
    config = world.config()

    assert (config.home, config.cache, config.state) == (world.home, world.cache, world.state)
    assert config.path == world.home / "config.toml"
    assert load({**world.environ, "MEMFS_HOME": "here"}).home == Path.cwd() / "here"


def test_the_folders_have_defaults_in_the_users_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memories in `~/.memory`; cache and state where the platform keeps such things."""
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))

    config = load()

    assert config.home == tmp_path / ".memory"
    assert config.cache.is_relative_to(tmp_path)
    assert config.state.is_relative_to(tmp_path)
    assert len({config.home, config.cache, config.state}) == 3


def test_loading_makes_no_folder_and_no_file(world: World) -> None:
    """Asking where things are is not using them."""
    before = sorted(world.root.rglob("*"))

    world.config()

    assert sorted(world.root.rglob("*")) == before


@pytest.mark.parametrize("home", ["relative/path", "~"])
def test_a_home_that_is_no_folder_is_a_bad_configuration(home: str) -> None:
    """The sentence names the variables that would help."""
    with pytest.raises(BadConfig, match="set HOME or MEMFS_HOME"):
        load({"HOME": home})


def test_without_any_home_the_account_s_own_is_taken(world: World) -> None:
    """HOME unset, as under some service managers, is no traceback."""
    script = """
import os, pwd
from memfs.config import load
print(load().home == __import__("pathlib").Path(pwd.getpwuid(os.getuid()).pw_dir) / ".memory")
"""
    environ = {name: value for name, value in world.environ.items() if name not in ("HOME", "MEMFS_HOME")}
    homeless = world.start(f"import os\nos.environ.clear()\nos.environ.update({environ!r})\n{script}")

    output, errors = homeless.communicate()

    assert (output, errors) == ("True\n", "")


def test_an_account_without_a_name_is_told_to_set_home(world: World) -> None:
    """In a container whose user has no entry and no HOME the sentence says what to do; with MEMFS_HOME all works."""
    script = """
import os, sys
from memfs.config import load
from memfs.errors import BadConfig
import memfs.workspace
try:
    os.setuid(54321)
except PermissionError:
    print("skip")
    sys.exit()
os.environ.pop("HOME")
print(load().mode)
for name in ("MEMFS_HOME", "MEMFS_CACHE"):
    kept = os.environ.pop(name)
    try:
        load()
    except BadConfig as error:
        print(error)
    os.environ[name] = kept
"""

    said = world.run(script).splitlines()
    if said == ["skip"]:
        pytest.skip("only root can become nobody")

    sentence = "There is no home folder to keep memories in; set HOME or MEMFS_HOME to an absolute path."
    assert said == ["isolated", sentence, sentence]


def test_a_home_that_may_not_be_written_serves_the_workspace(world: World) -> None:
    """With a read-only HOME and no other folder named, a save and a search in a project work, and say what is amiss."""
    home = world.root / "home"
    home.chmod(0o555)
    folder = world.folder()
    script = """
import os, sys
from pathlib import Path
for name in ("MEMFS_HOME", "MEMFS_CACHE", "MEMFS_STATE"):
    del os.environ[name]
from memfs.errors import StorageFailed
from memfs.workspace import Workspace
workspace = Workspace.open(Path(sys.argv[1]))
done = workspace.save("the lighthouse")
print(done.notes[0].partition(":")[0])
print(len(workspace.search("lighthouse").hits))
try:
    Workspace.open(Path(sys.argv[1]), mode="global").save("x")
except StorageFailed as error:
    print(error.code)
"""

    said = world.run(script, folder, through=without_powers()).splitlines()
    home.chmod(0o755)

    assert said == ["the index is in memory only", "1", "storage_failed"]
    assert list(home.iterdir()) == []


# ---- the mode


def test_the_mode_is_isolated_where_nobody_said_otherwise(world: World) -> None:
    """Sharing is switched on, never off."""
    config = world.config()

    assert (config.mode, config.mode_source) == ("isolated", "default")
    assert config.mode_for(world.folder()) == ("isolated", "default")


def test_the_mode_comes_from_the_first_that_names_one(world: World) -> None:
    """The command line, `MEMFS_MODE`, `WORKSPACE_MODE`, config.toml for the workspace, config.toml in general."""
    folder = world.folder()
    world.config(f'mode = "global"\n[workspaces."{folder}"]\nmode = "hybrid"\n')
    file = world.home / "config.toml"

    def settled(folder: Path, mode: str | None = None, **extra: str) -> tuple[str, str]:
        return load({**world.environ, **extra}, mode).mode_for(folder)

    both = {"MEMFS_MODE": "isolated", "WORKSPACE_MODE": "global"}
    assert settled(folder, "global", **both) == ("global", "--mode")
    assert settled(folder, **both) == ("isolated", "MEMFS_MODE")
    assert settled(folder, WORKSPACE_MODE="global") == ("global", "WORKSPACE_MODE")
    assert settled(folder, MEMFS_MODE="", WORKSPACE_MODE="") == ("hybrid", f'[workspaces."{folder}"] in {file}')
    assert settled(world.folder("other")) == ("global", f"mode in {file}")


def test_a_mode_is_read_in_any_case_and_with_space_around(world: World) -> None:
    """What people type in an environment file."""
    assert load({**world.environ, "WORKSPACE_MODE": " Hybrid "}).mode == "hybrid"
    assert world.config('mode = "GLOBAL"\n').mode == "global"


@pytest.mark.parametrize("name", ["MEMFS_MODE", "WORKSPACE_MODE", "--mode"])
def test_a_mode_that_is_none_is_refused_and_named(world: World, name: str) -> None:
    """Whoever asks for a mode expressly is not given another one; the sentence says where it came from."""
    environ = world.environ if name == "--mode" else {**world.environ, name: "shared"}

    with pytest.raises(Invalid) as raised:
        load(environ, "shared" if name == "--mode" else None)

    assert str(raised.value) == f"'shared' is no mode ({name}); the modes are isolated, global, hybrid."


def test_a_workspace_reached_through_a_link_has_its_mode(world: World) -> None:
    """The table names a folder, not one way to it."""
    folder = world.folder("real")
    (world.root / "link").symlink_to(folder)
    world.config(f'[workspaces."{world.root / "link"}"]\nmode = "hybrid"\n')

    assert world.open(folder).view.mode == "hybrid"
    assert world.open(world.root / "link").view.mode == "hybrid"


# ---- config.toml


def test_everything_that_can_be_set_is_read(world: World) -> None:
    """Weights, limits, groups and modes."""
    config = world.config(
        '[weights]\ngroup = 0.5\nglobal = 1\n[limits]\nregex_seconds = 2\nsearch_refresh_seconds = 0.5\n'
        '[groups.team]\nmembers = ["/a", "/b"]\n[groups.none]\n'
    )  # fmt: skip

    assert config.weights == DEFAULT_WEIGHTS | {"group": 0.5, "global": 1.0}
    assert (config.regex_seconds, config.search_refresh_seconds) == (2.0, 0.5)
    assert config.groups == {"team": ("/a", "/b"), "none": ()}
    assert config.problems == ()


@pytest.mark.parametrize(
    "text",
    [
        'mode = "shared"',
        'mode = ""',
        "mode = true",
        "mode = 0",
        'mode = ["hybrid"]',
        'weights = "high"',
        "[weights]\nworkspace = 0",
        "[weights]\nworkspace = -1",
        "[weights]\nworkspace = 1.5",
        "[weights]\nworkspace = nan",
        "[weights]\nworkspace = true",
        '[weights]\nworkspace = "1"',
        "limits = 5",
        "[limits]\nregex_seconds = 0",
        "[limits]\nregex_seconds = inf",
        "[limits]\nsearch_refresh_seconds = 601",
        "workspaces = []",
        '[workspaces]\n"/x" = "hybrid"',
        '[workspaces."/x"]\nmode = "shared"',
        "groups = 1",
        "[groups]\nteam = 1",
        '[groups.team]\nmembers = "/x"',
        "[groups.team]\nmembers = [1]",
        '[groups.team]\nmembers = ["/a\\u0000b"]',
        '[groups."../up"]\nmembers = []',
        '[groups."Team"]\nmembers = []',
        "search = 1",
        "[search]\nlanguage = 1",
        "[search]\nlanguage = [1]",
        '[search]\nlanguage = "germn"',
        '[search]\nlanguage = ["german", "klingon"]',
    ],
)
def test_a_value_that_does_not_fit_leaves_the_default_and_is_told(world: World, text: str) -> None:
    """One sentence for one value; everything else is as if it were not there."""
    config = world.config(text)

    assert len(config.problems) == 1
    assert config.problems[0].startswith("config.toml: ")
    assert (config.mode, config.weights) == ("isolated", DEFAULT_WEIGHTS)
    assert (config.regex_seconds, config.search_refresh_seconds) == (1.0, 5.0)
    assert config.workspace_modes == {}
    assert set(config.groups) <= {"team"}


@pytest.mark.parametrize(
    ("said", "languages"),
    [
        ('"german"', ("german",)),
        ('"German, french"', ("french", "german")),
        ('["german", "english", "german"]', ("german",)),
        ('["klingon", "russian"]', ("russian",)),
        ('""', ()),
        ("[]", ()),
    ],
)
def test_languages_are_one_or_several(world: World, said: str, languages: tuple[str, ...]) -> None:
    """English is always one of them; a wrong one does not take the others away."""
    assert world.config(f"[search]\nlanguage = {said}\n").languages == languages


def test_a_wrong_value_does_not_hide_the_right_ones(world: World) -> None:
    """Each is judged by itself."""
    config = world.config('mode = "shared"\n[weights]\nworkspace = 7\nglobal = 0.3\n[groups.ok]\nmembers = ["/a"]\n')

    assert len(config.problems) == 2
    assert config.weights["global"] == 0.3
    assert config.groups == {"ok": ("/a",)}


@pytest.mark.parametrize(
    "raw",
    [
        b"mode = ",
        b'mode = "hybrid"\nmode = "global"\n',
        b"\xff\xfe",
        b"<<<<<<< ours\n",
        b"\0",
        b"a = " + b"[" * 20_000,
    ],
    ids=["torn", "twice", "not UTF-8", "in conflict", "NUL", "too deep"],
)
def test_a_file_that_is_not_toml_leaves_every_default_and_is_told(world: World, raw: bytes) -> None:
    """Work goes on in the mode that shares nothing, and says why."""
    world.home.mkdir()
    (world.home / "config.toml").write_bytes(raw)

    config = world.config()

    assert config.mode == "isolated"
    assert len(config.problems) == 1
    assert str(world.home / "config.toml") in config.problems[0]
    assert config.problems[0] in world.open().status().notes


def test_nothing_is_saved_by_guess_while_the_config_cannot_be_read(world: World) -> None:
    """It may say where a save goes: a search works, a save is refused until the file is mended or the mode is named."""
    world.home.mkdir()
    (world.home / "config.toml").write_text("mode = \n")

    workspace = world.open()
    with pytest.raises(BadConfig, match="Nothing was saved"):
        workspace.save("the lighthouse")

    assert workspace.search("lighthouse").hits == ()
    assert files_below(workspace.view.workspace) == {}
    assert world.open(mode="isolated").save("the lighthouse").entry.path.exists()


def test_a_config_that_is_a_folder_or_shut_is_told(world: World) -> None:
    """What cannot be read is no reason to stop."""
    (world.home / "config.toml").mkdir(parents=True)
    assert "Is a directory" in world.config().problems[0]
    (world.home / "config.toml").rmdir()
    (world.home / "config.toml").touch(mode=0)

    said = world.run("from memfs.config import load\nprint(load().problems[0])", through=without_powers())

    assert "Permission denied" in said


def test_a_newer_format_is_refused_with_a_clear_sentence(world: World) -> None:
    """An older program would misread such memories; the present format and a missing one are fine."""
    with pytest.raises(BadConfig, match="install a newer memfs"):
        world.config("format = 2\n")

    assert world.config("format = 1\n").problems == ()


def test_unknown_keys_are_the_users_own_business(world: World) -> None:
    """A setting of a newer or another program is neither read nor complained about."""
    assert world.config('future = 1\n[embedder]\nname = "x"\n').problems == ()


def test_nothing_in_a_repository_configures_memfs(world: World) -> None:
    """A config.toml that a project brings along is one of its files, wherever it lies."""
    folder = world.folder()
    for path in (folder / "config.toml", folder / ".memory" / "config.toml", folder / "memfs.toml"):
        path.write_text('mode = "hybrid"\n[weights]\nglobal = 1.0\n')

    config = world.open(folder).config

    assert (config.mode, config.weights) == ("isolated", DEFAULT_WEIGHTS)


# ---- setting


def test_setting_a_value_keeps_comments_and_order(world: World) -> None:
    """Only the value's own characters change."""
    config = world.config(COMMENTED)

    set_value(config, "weights.global", "0.7")

    assert config.path.read_text() == COMMENTED.replace("0.5", "0.7")
    assert world.config().weights["global"] == 0.7


def test_a_new_setting_joins_its_table(world: World) -> None:
    """What was there stays where it was."""
    config = world.config(COMMENTED)

    set_value(config, "weights.group", "0.8")
    set_value(config, "limits.regex_seconds", "3")
    set_value(config, "mode", "isolated", world.root / "a.b")

    former = [line for line in COMMENTED.splitlines() if line]
    assert [line for line in config.path.read_text().splitlines() if line in former] == former
    after = world.config()
    assert after.weights == DEFAULT_WEIGHTS | {"group": 0.8, "global": 0.5}
    assert after.regex_seconds == 3.0
    assert after.mode_for(world.root / "a.b")[0] == "isolated"
    assert after.mode == "hybrid"
    assert after.problems == ()


def test_an_empty_value_removes_the_setting(world: World) -> None:
    """And removing what is not there changes nothing."""
    config = world.config(COMMENTED)

    set_value(config, "limits.regex_seconds", "")
    assert config.path.read_text() == COMMENTED
    set_value(config, "weights.global", "")

    assert world.config().weights["global"] == 0.9
    assert config.path.read_text() == COMMENTED.replace("global = 0.5      # less\n", "")


def test_the_first_setting_makes_the_file(world: World) -> None:
    """In a home that is not there yet."""
    config = world.config()

    set_value(config, "mode", "Hybrid")

    assert config.path.read_text() == 'mode = "hybrid"\n'
    assert list(files_below(world.home)) == ["config.toml"]


@pytest.mark.parametrize("key", KEYS)
def test_every_setting_can_be_set_and_read_back(world: World, key: str) -> None:
    """`values` shows what `set_value` wrote."""
    value = {
        "mode": "global",
        "cross_project": "true",
        "private": "true",
        "search.semantic": "false",
        "name": "shop",
        "limits.context_tokens": "500",
        "search.language": "french, german",
    }.get(key, "0.25")

    world = replace(world, extra={"MEMFS_SEMANTIC": ""})

    set_value(world.config(), key, value, world.folder() if key in ONLY_OWN_KEYS else None)

    assert str(values(world.config(), world.folder())[key]).lower() == value


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("mode", "shared"),
        ("weights.global", "0"),
        ("weights.global", "1.1"),
        ("weights.global", "-0.1"),
        ("weights.global", "nan"),
        ("weights.global", "much"),
        ("limits.regex_seconds", "601"),
        ("limits.context_tokens", "0.5"),
        ("limits.context_tokens", "10001"),
        ("limits.regex_seconds", "inf"),
    ],
)
def test_a_value_that_would_not_be_taken_is_not_written(world: World, key: str, value: str) -> None:
    """The sentence says what would fit, and the file stays as it was."""
    config = world.config(COMMENTED)

    with pytest.raises(Invalid):
        set_value(config, key, value)

    assert config.path.read_text() == COMMENTED


def test_only_the_mode_is_one_workspace_s_to_set(world: World) -> None:
    """What would never be read is not written."""
    config = world.config(COMMENTED)

    with pytest.raises(Invalid, match="only mode, name, private"):
        set_value(config, "weights.global", "0.5", world.folder())

    assert config.path.read_text() == COMMENTED


def test_an_unknown_setting_is_refused_with_a_near_one(world: World) -> None:
    """A typing error is named; something far off gets the list."""
    with pytest.raises(Invalid, match=r"Did you mean weights\.global"):
        set_value(world.config(), "weight.global", "0.5")
    with pytest.raises(Invalid, match="The settings are mode, cross_project"):
        set_value(world.config(), "xyzzy", "1")


@pytest.mark.parametrize(
    "text", ["mode = ", 'mode = "a"\nmode = "b"\n', "weights = 5\n", "weights = []\n", "[[weights]]\nglobal = 1\n"]
)
def test_a_broken_file_is_not_written_over(world: World, text: str) -> None:
    """Whoever edits it by hand loses nothing to a command."""
    config = world.config(text)

    with pytest.raises(BadConfig, match="nothing was written"):
        set_value(config, "weights.global", "0.5")

    assert config.path.read_text() == text


def test_a_config_kept_elsewhere_stays_there(world: World) -> None:
    """A link into a folder of dotfiles is followed, and stays a link."""
    kept = world.root / "dotfiles.toml"
    kept.write_text(COMMENTED)
    world.home.mkdir()
    (world.home / "config.toml").symlink_to(kept)

    set_value(world.config(), "weights.global", "0.7")

    assert (world.home / "config.toml").is_symlink()
    assert kept.read_text() == COMMENTED.replace("0.5", "0.7")


def test_setting_keeps_newlines_and_permissions(world: World) -> None:
    """A file from another system, and one that only its owner may read, stay so."""
    world.home.mkdir()
    path = world.home / "config.toml"
    path.write_bytes(COMMENTED.replace("\n", "\r\n").encode())
    path.chmod(0o600)

    set_value(world.config(), "weights.global", "0.7")

    assert path.read_bytes() == COMMENTED.replace("\n", "\r\n").replace("0.5", "0.7").encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_home_that_cannot_be_written_is_an_error_of_storage(world: World) -> None:
    """The sentence names the file; nothing is left lying about."""
    (world.root / "file").write_text("no folder")
    config = new_world(world.root, MEMFS_HOME=str(world.root / "file" / "below")).config()

    with pytest.raises(StorageFailed, match=r"config\.toml"):
        set_value(config, "mode", "hybrid")

    assert (world.root / "file").read_text() == "no folder"


def test_a_read_only_home_keeps_its_config(world: World) -> None:
    """No permission is an error of storage, and the settings stay as they were."""
    config = world.config(COMMENTED)
    world.home.chmod(0o555)
    script = """
from memfs.config import load
from memfs.errors import StorageFailed
from memfs.settings import set_value
try:
    set_value(load(), "mode", "global")
except StorageFailed as error:
    print(error.code)
"""

    said = world.run(script, through=without_powers())
    world.home.chmod(0o755)

    assert said == "storage_failed\n"
    assert files_below(world.home) == {"config.toml": config.path.read_bytes()}


def test_the_process_s_own_environment_is_read_by_default(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a shell exports is what counts."""
    for name, value in world.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MEMFS_MODE", "hybrid")

    assert Workspace.open(world.folder()).view.mode == "hybrid"
    assert load().home == Path(os.environ["MEMFS_HOME"])


# ---- the last good meaning


def test_a_file_that_breaks_keeps_its_last_good_meaning(world: World) -> None:
    """Reading goes on as before, and says so; without a good one before it the defaults hold."""
    before = world.config('mode = "hybrid"\n[workspaces."/x"]\nprivate = true\n')

    after = world.config("mode = \n")

    assert (after.mode, after.private) == (before.mode, before.private) == ("hybrid", frozenset({"/x"}))
    assert "what it said before holds" in after.broken
    (world.state / "config.last-good.toml").unlink()
    assert "the defaults hold" in world.config().broken
    assert world.config().mode == "isolated"


def test_nothing_is_written_while_the_file_is_broken(world: World) -> None:
    """A save goes where config.toml says, which nobody can tell now; a mode that is named can be told."""
    world.config('mode = "global"\n')
    world.config("mode = \n")

    with pytest.raises(BadConfig, match="Nothing was saved"):
        world.open().save("A word.")
    with pytest.raises(BadConfig, match="nothing was written"):
        set_value(world.config(), "mode", "hybrid")
    assert world.open(mode="isolated").save("A word.").entry.store.scope == "workspace"
    world.config('mode = "hybrid"\n')
    assert world.open().save("Another word.").entry.store.scope == "workspace"


def test_a_newer_format_is_no_last_good_meaning(world: World) -> None:
    """It is refused as a whole, and never kept."""
    world.config('mode = "hybrid"\n')
    with pytest.raises(BadConfig, match="newer memfs"):
        world.config('format = 99\nmode = "global"\n')

    assert world.config("mode = \n").mode == "hybrid"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mod = 1", "did you mean mode?"),
        ('[search]\nlanguages = "german"', "did you mean language?"),
        ('[search]\nlanguage = "germn"', "did you mean german?"),
        ('[search]\nlanguage = "klingon"', "the languages are arabic, danish,"),
        ('[workspaces."/x"]\nprivat = true', "did you mean private?"),
        ('[groups.a]\nmember = ["/x"]', "did you mean members?"),
    ],
)
def test_a_word_that_is_nearly_a_setting_is_told(world: World, text: str, said: str) -> None:
    """Whoever mistyped it believes that it holds."""
    assert said in " ".join(world.config(text).problems)


@pytest.mark.parametrize("value", ['"true"', "1", '"no"', "[]"])
def test_a_project_whose_privacy_is_said_wrongly_is_private(world: World, value: str) -> None:
    """What is no answer hides; only `false` shows."""
    config = world.config(f'[workspaces."/x"]\nprivate = {value}\n[workspaces."/y"]\nprivate = false\n')

    assert config.private == {"/x"}
    assert "true holds" in config.problems[0]


def test_settings_that_are_changed_at_once_are_all_kept(world: World) -> None:
    """Each process reads what the one before it wrote."""
    script = (
        "import sys; from memfs.config import load; from memfs.settings import create_group\n"
        "sys.stdin.readline()\ncreate_group(load(), sys.argv[1])"
    )
    processes = [world.start(script, f"g{number}") for number in range(8)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    finished(processes)

    assert world.config().groups.keys() == {f"g{number}" for number in range(8)}


def test_a_group_that_goes_takes_no_comment_of_its_neighbour_along(world: World) -> None:
    """Its own lines go; what stands above the next table is the next one's."""
    config = world.config(
        'mode = "hybrid"\n\n[groups.a]\nmembers = ["/a"]\n\n# keep me\n[groups.b]   # and me\nmembers = ["/b"]\n'
    )

    delete_group(config, "a")

    assert config.path.read_text() == 'mode = "hybrid"\n\n# keep me\n[groups.b]   # and me\nmembers = ["/b"]\n'

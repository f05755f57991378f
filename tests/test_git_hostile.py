"""A repository whose every setting that can name a program names one: no command of memfs runs any of them."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from memfs import trust
from memfs.faces.cli import COMMANDS
from tests.commands import MEMFS
from tests.commands import Answer
from tests.commands import memfs
from tests.repositories import Git
from tests.repositories import begun
from tests.serving import connected
from tests.worlds import DEADLINE_SECONDS
from tests.worlds import World
from tests.worlds import files_below
from tests.worlds import within_deadline

SETTINGS = """\
[core]
	repositoryFormatVersion = 1
	trustctime = false
	fsmonitor = {run} fsmonitor
	hooksPath = hooks
	pager = {run} pager
	editor = {run} editor
	sshCommand = {run} ssh
	askPass = {run}
	gitProxy = {run}
	alternateRefsCommand = {run} refs
	attributesFile = {evil}/attributes
	excludesFile = {evil}/excludes
[extensions]
	partialClone = origin
	worktreeConfig = true
[alias]
	config = !{run} alias
	rev-parse = !{run} alias
	update-index = !{run} alias
	fast-import = !{run} alias
	st = !{run} alias
[diff]
	external = {run} external
[diff "evil"]
	command = {run} command
	textconv = {run} textconv
	cachetextconv = true
[diff "memfs"]
	command = {run} command
[merge]
	tool = evil
	guitool = evil
	verifySignatures = true
[merge "evil"]
	driver = {run} driver
	recursive = evil
[merge "memfs"]
	driver = {run} driver
[merge "text"]
	driver = {run} driver
[mergetool "evil"]
	cmd = {run} mergetool
[difftool "evil"]
	cmd = {run} difftool
[hook "evil"]
	command = {run} hook
	event = reference-transaction
	event = post-index-change
	event = pre-commit
	event = post-checkout
[sequence]
	editor = {run} sequence
[interactive]
	diffFilter = {run} diffFilter
[pager]
	status = {run} pager
	log = {run} pager
	diff-files = {run} pager
[credential]
	helper = !{run} credential
[credential "https://example.org"]
	helper = {run}
[gpg]
	program = {run}
[gpg "ssh"]
	program = {run}
	defaultKeyCommand = {run} key
[gpg "x509"]
	program = {run}
[commit]
	gpgSign = true
	template = {evil}/more
[tag]
	gpgSign = true
[push]
	gpgSign = if-asked
[log]
	showSignature = true
[remote "origin"]
	url = {evil}/nowhere.git
	fetch = +refs/heads/*:refs/remotes/origin/*
	uploadpack = {run} uploadpack
	receivepack = {run} receivepack
	promisor = true
	proxy = {run}
[remote "helped"]
	url = x
	vcs = evil
[remote "extern"]
	url = ext::{run} ext
[url "ext::{run} instead "]
	insteadOf = https://
	insteadOf = git@
	insteadOf = /
	pushInsteadOf = /
[protocol]
	allow = always
[protocol "ext"]
	allow = always
[uploadpack]
	packObjectsHook = {run} packObjects
[trailer "evil"]
	command = {run} trailer
	cmd = {run} trailer
	ifmissing = add
[submodule]
	recurse = true
[submodule "evil"]
	url = ext::{run} submodule
	update = !{run} submodule
	active = true
	path = module
[status]
	submoduleSummary = true
[web]
	browser = evil
[browser "evil"]
	cmd = {run} browser
[help]
	browser = evil
	autocorrect = immediate
[man]
	viewer = evil
[man "evil"]
	cmd = {run} man
[instaweb]
	httpd = {run} instaweb
[sendemail]
	smtpserver = {run}
	toCmd = {run} mail
[imap]
	tunnel = {run} imap
[gc]
	auto = 1
	recentObjectsHook = {run} gc
[maintenance]
	auto = true
[receive]
	procReceiveRefs = refs
[guitool "evil"]
	cmd = {run} gui
[column]
	ui = always
[branch "main"]
	remote = origin
	merge = refs/heads/main
"""
"""What `.git/config` of a stranger's archive may say; all of it lies in `more`, too, which it includes."""
FILTERS = """\
[includeIf "gitdir:**"]
	path = {evil}/more
[filter "evil"]
	clean = {run} clean
	smudge = {run} smudge
	process = {run} process
	required = true
[filter "Evil dots.x"]
	clean = {run} clean
	process = {run} process
"""
ATTRIBUTES = '* filter=evil diff=evil merge=evil\nsub/** filter="Evil dots.x"\n'
MODULES = '[submodule "evil"]\n\tpath = module\n\turl = ext::{run} module\n\tupdate = !{run} module\n'
HOOKS = (
    "applypatch-msg", "pre-applypatch", "post-applypatch", "pre-commit", "pre-merge-commit", "prepare-commit-msg",
    "commit-msg", "post-commit", "pre-rebase", "post-checkout", "post-merge", "pre-push", "pre-receive", "update",
    "proc-receive", "post-receive", "post-update", "reference-transaction", "push-to-checkout", "pre-auto-gc",
    "post-rewrite", "sendemail-validate", "fsmonitor-watchman", "post-index-change",
)  # fmt: skip
CLASH = "---\nid: clash\n---\n<<<<<<< ours\none\n=======\ntwo\n>>>>>>> theirs\n"
PROMPT = {"session_id": "s1", "prompt": "when do zebras deploy", "tool_name": "Edit", "source": "startup"}


@dataclass(frozen=True, slots=True)
class Trapped:
    """A workspace in a hostile repository.

    Attributes:
        world: The machine.
        git: The work tree, and its user.
        canary: The file in which whatever was run has left a line; it is there only then.
    """

    world: World
    git: Git
    canary: Path

    @property
    def run(self) -> Path:
        """Return the program that all settings name."""
        return self.canary.parent / "run.sh"

    def memfs(self, *arguments: str, stdin: str = "", environ: dict[str, str] | None = None) -> Answer:
        """Run a command of memfs in the work tree; it does its work, and nothing else is run."""
        filled = [argument.format(here=self.git.folder, root=self.world.root) for argument in arguments]
        answer = memfs(
            self.world, *filled, folder=self.git.folder, stdin=stdin, environ={"EDITOR": "true", **(environ or {})}
        )
        assert not self.canary.exists(), f"{filled}: {self.canary.read_text()}"
        assert answer.code in (0, 9), f"{filled}: exit {answer.code}\n{answer.out}{answer.err}"
        return answer

    def set(self, folder: Path) -> None:
        """Set every trap in the repository whose git folder is *folder*."""
        evil = self.canary.parent
        settings = (SETTINGS + FILTERS).format(run=self.run, evil=evil)
        for file in (folder / "config", folder / "config.worktree"):
            file.write_text(settings)
        (evil / "more").write_text(settings.partition("[includeIf")[0])
        (evil / "attributes").write_text(ATTRIBUTES)
        (evil / "excludes").write_text("")
        (folder / "info").mkdir(exist_ok=True)
        (folder / "info/attributes").write_text(ATTRIBUTES)
        for place in (folder / "hooks", folder.parent / "hooks"):
            place.mkdir(exist_ok=True)
            for hook in HOOKS:
                shutil.copy(self.run, place / hook)


@pytest.fixture
def trapped(world: World) -> Trapped:
    """Return a workspace with memories in a hostile repository, in which git has every reason to compare contents."""
    git = begun(world)
    evil = world.root / "evil"
    evil.mkdir()
    here = Trapped(world, git, evil / "was-run")
    here.run.write_text(f'#!/bin/sh\necho "$0 $*" >>{here.canary}\nexit 1\n')
    here.run.chmod(0o755)
    for name in ("a.txt", "sub/b.txt", "future.txt", ".memory/future.md"):
        git.put(name, "1\n")
    git.put(".memory/abc.md", "---\nid: abc\ntitle: Zebras\n---\nA zebra.\n")
    git.put(".memory/oth.md", "---\nid: oth\n---\nAnother zebra.\n")
    git.put(".memory/clash.md", CLASH)
    git.put(".gitattributes", ATTRIBUTES)
    git.put(".gitmodules", MODULES.format(run=here.run))
    git("add", ".")
    git("commit", "-qm", "first")
    git.put(".memory/abc.md", "---\nid: abc\ntitle: Zebras\n---\nA zebra, changed.\n")
    git.put("a.txt", "2\n")
    git("commit", "-qam", "second")
    git("branch", "other", "HEAD~1")
    git.put("a.txt", "3\n")
    git("add", "a.txt")
    git.put(".memory/crlf.md", "A third\r\nzebra.\r\n")
    for name in ("future.txt", ".memory/future.md", "sub/b.txt"):
        os.utime(git.folder / name, (4_000_000_000, 4_000_000_000))
    git("update-index", "-q", "--refresh", fine=(0, 1))
    here.set(git.folder / ".git")
    world.config('mode = "hybrid"\n')
    trust.set_trusted(world.state, git.folder, trusted=True)
    return here


# ---- the canary sings


PLAIN = (
    ("status",), ("add", "a.txt"), ("commit", "-m", "x"), ("diff",), ("log", "-p"), ("fetch", "origin"),
    ("fetch", "extern"), ("checkout", "other"), ("merge", "other"), ("update-index", "--refresh"), ("stash",), ("st",),
    ("cat-file", "--textconv", "HEAD:a.txt"), ("gc",), ("submodule", "update"),
)  # fmt: skip


@pytest.mark.parametrize("words", PLAIN, ids=" ".join)
def test_the_traps_would_spring(trapped: Trapped, words: tuple[str, ...]) -> None:
    """Git as a person runs it starts what the settings name: else the tests below would prove nothing."""
    subprocess.run(
        ["git", *words], cwd=trapped.git.folder, env=trapped.git.environ, capture_output=True, check=False,
        stdin=subprocess.DEVNULL, timeout=DEADLINE_SECONDS,
    )  # fmt: skip

    assert trapped.canary.exists()


@pytest.mark.parametrize("words", [("update-index", "--index-info"), ("update-ref", "refs/x", "HEAD"), ("diff-files",)])
def test_so_would_those_in_the_way_of_plumbing(trapped: Trapped, words: tuple[str, ...]) -> None:
    """Of the commands that memfs itself needs, when they are run without care."""
    feed = f"100644 {'1' * 40}\tnew.txt\n"
    subprocess.run(
        ["git", "-c", "core.fsmonitor=false", *words], cwd=trapped.git.folder, env=trapped.git.environ,
        capture_output=True, check=False, input=feed.encode(), timeout=DEADLINE_SECONDS,
    )  # fmt: skip

    assert trapped.canary.exists()


# ---- every command


def answering_events(here: Trapped) -> None:
    """Answer each event of an agent's client, twice."""
    said = json.dumps(
        {**PROMPT, "cwd": str(here.git.folder), "tool_input": {"file_path": str(here.git.folder / "a.txt")}}
    )
    for event in ("session-start", "user-prompt-submit", "post-tool-use", "stop", "pre-compact", "session-end"):
        here.memfs("hook", event, stdin=said)
    assert "zebra" in here.memfs("hook", "session-start", stdin=said.replace("s1", "s2")).out.lower()


def telling_why(here: Trapped) -> None:
    """Tell what an agent was shown."""
    answering_events(here)
    here.memfs("why", "--session")


def serving(here: Trapped) -> None:
    """Serve an agent over standard input and output."""
    with connected(here.world, folder=here.git.folder) as agent:
        assert agent.call("memory_status")["workspace"] == str(here.git.folder)
        agent.call("search_memories", query="zebra")
        agent.call("memory_status")


def watching(here: Trapped) -> None:
    """Watch until something was seen."""
    process = subprocess.Popen(
        [*MEMFS, "watch", "--json"], cwd=here.git.folder, env=here.world.environ, stdout=subprocess.PIPE
    )
    number, out = iter(range(1_000_000)), process.stdout
    assert out is not None

    def seen() -> bool:
        here.git.put(".memory/seen.md", f"A zebra {next(number)}\n")
        return bool(select.select([out], [], [], 0.1)[0])

    try:
        assert within_deadline(seen)
    finally:
        process.kill()
        process.communicate()


def syncing(here: Trapped) -> None:
    """Sync what is shared, and memories with a repository of their own, which is as hostile."""
    for name in ("home.git", "own.git"):
        here.git.at(here.world.root)("init", "-q", "--bare", "-b", "main", name)
    here.memfs("save", "A shared zebra.", "--scope", "global")
    here.memfs("sync", "--remote", "{root}/home.git")
    own = here.git.folder / ".memory"
    shutil.copytree(
        here.git.folder / ".git", own / ".git", ignore=shutil.ignore_patterns("index", "HEAD", "refs", "logs")
    )
    (own / ".git/refs").mkdir()
    (own / ".git/HEAD").write_text("ref: refs/heads/main\n")
    here.set(here.world.home / ".git")
    for _ in range(2):
        here.memfs("save", "A zebra.", "--scope", "global")
        here.memfs("save", "A zebra.")
        here.memfs("sync")
        here.memfs("sync", "--workspace", "--remote", "{root}/own.git")
    for name in ("home.git", "own.git"):
        assert here.git.at(here.world.root / name)("rev-parse", "main")


def merging(here: Trapped) -> None:
    """Merge three files, as git's driver does."""
    for name in ("base", "ours", "theirs"):
        here.git.put(name, f"---\nid: abc\n---\n{'x' if name == 'base' else name}\n\nmore\n")
    here.memfs("merge-driver", "base", "ours", "base", ".memory/abc.md")


def measuring(here: Trapped) -> None:
    """Put a question to the memories."""
    (here.world.root / "asked.jsonl").write_text('{"query": "zebra", "gold": ["abc"]}\n')
    here.memfs("bench", "retrieval", "{root}/asked.jsonl")


Row = tuple[tuple[str, ...], ...] | Callable[[Trapped], None]
ROWS: dict[str, Row] = {
    "init": (("init",), ("init", "--merge-driver")),
    "setup": (("setup",), ("setup", "claude-code", "--project"), ("setup", "codex", "--hooks", "--dry-run")),
    "save": (("save", "A word.", "--tag", "x", "--about", "a.txt"), ("save", "Another", "--scope", "global")),
    "search": (
        ("search", "zebra"),
        ("search", "zebra", "--regex", "z"),
        ("config", "set", "cross_project", "true"),
        ("search", "zebra", "--all"),
    ),
    "get": (("get", "abc"), ("get", "{here}/.memory/oth.md")),
    "list": (("list",), ("list", "--json")),
    "edit": (("edit", "abc"),),
    "update": (("update", "abc", "--title", "Zoo"),),
    "tag": (("tag", "abc", "stripes"), ("tag",)),
    "move": (("move", "abc", "--to", "global"),),
    "forget": (("forget", "abc"),),
    "related": (("related", "abc"), ("related", "abc", "--json")),
    "duplicates": (("save", "Zebras have stripes, all of them."), ("duplicates", "--threshold", "0.5", "--merge")),
    "consolidate": (("consolidate", "abc", "oth"), ("undo",)),
    "history": (("history", "abc"), ("history", "abc", "--json")),
    "diff": (("diff", "abc"),),
    "blame": (("blame", "abc"),),
    "restore": (("update", "abc", "--title", "Zoo"), ("restore", "abc"), ("forget", "oth"), ("restore", "oth")),
    "undo": (("save", "A word."), ("undo",)),
    "watch": watching,
    "status": (("status",), ("status", "--json")),
    "doctor": (("doctor", "--fix", "--yes"), ("doctor", "--strict")),
    "reindex": (("reindex",),),
    "bench": measuring,
    "group": (("group", "create", "zoo"), ("group", "add", "zoo"), ("group", "share", "zoo", "on"), ("group", "list")),
    "channel": (("channel", "subscribe", "zoo"), ("channel", "list")),
    "projects": (("projects",), ("projects", "name", "zoo"), ("projects", "list", "--json")),
    "commit": (("commit",), ("update", "abc", "--title", "Zoo"), ("forget", "oth"), ("commit", "-m", "Zoo")),
    "sync": syncing,
    "resolve": (("resolve", "--list"), ("resolve", "clash.md", "--both")),
    "merge-driver": merging,
    "publish": (("update", "abc", "--title", "Zoo"), ("publish", "abc")),
    "export": (("export", "--to", "{root}/exported"),),
    "trust": (("trust", "--diff"), ("trust", "--always"), ("trust", "--list")),
    "untrust": (("untrust",),),
    "hook": answering_events,
    "why": telling_why,
    "config": (("config",), ("config", "set", "mode", "isolated", "--here")),
    "path": (("path",),),
    "serve": serving,
    "completion": (("completion", "bash"),),
}
"""Each command, with what makes it do its work."""


def test_every_command_has_a_row() -> None:
    """One that is added later stands here, too."""
    assert list(ROWS) == list(COMMANDS)


@pytest.mark.parametrize("command", ROWS)
def test_no_command_runs_what_a_repository_names(trapped: Trapped, command: str) -> None:
    """Neither hook nor filter, driver, monitor, pager, editor, helper, signer, alias or transport."""
    row = ROWS[command]
    if callable(row):
        row(trapped)
    else:
        for arguments in row:
            trapped.memfs(*arguments)

    assert not trapped.canary.exists(), trapped.canary.read_text()


def test_what_is_committed_there_is_what_was_meant(trapped: Trapped) -> None:
    """The bytes of the files, beside what its user has staged; the traps are still set."""
    told = trapped.memfs("commit", "--json").json
    shutil.copytree(trapped.git.folder / ".git/objects", trapped.world.root / "copy/.git/objects")
    copy = trapped.git.at(trapped.world.root / "copy")
    copy("init", "-q")

    assert told["new"] == ["crlf.md"]
    assert copy.text(".memory/crlf.md", told["commit"]) == "A third\r\nzebra.\r\n"
    assert copy.text("a.txt", told["commit"]) == "2\n"
    assert not trapped.canary.exists()
    subprocess.run(["git", "status"], cwd=trapped.git.folder, env=trapped.git.environ, capture_output=True, check=False)
    assert trapped.canary.exists()


# ---- other ways in


@pytest.mark.parametrize(
    "url", ["{evil}/nowhere.git", "ext::{run} %S", "ssh://example.org/x", "git://example.org/x", "evil::x"]
)
def test_what_a_partial_clone_has_left_out_is_not_fetched(trapped: Trapped, url: str) -> None:
    """It would be, by whatever program the settings name: each command does without, or says so."""
    config = trapped.git.folder / ".git/config"
    filled = url.format(run=trapped.run, evil=trapped.canary.parent)
    config.write_text(config.read_text().replace(f"url = {trapped.canary.parent}/nowhere.git", f"url = {filled}"))
    bare = Git(trapped.git.folder, {**trapped.git.environ, "GIT_CONFIG_COUNT": "0"})
    old = bare("--no-optional-locks", "rev-parse", "HEAD~1:.memory/abc.md")
    trapped.canary.unlink(missing_ok=True)
    (trapped.git.folder / ".git/objects" / old[:2] / old[2:]).unlink()

    for arguments in (("status",), ("history", "abc"), ("commit",)):
        answer = memfs(trapped.world, *arguments, folder=trapped.git.folder)
        assert answer.code in (0, 6, 9, 10), answer
        assert "Traceback" not in answer.err
        assert not trapped.canary.exists(), f"{arguments}: {trapped.canary.read_text()}"


@pytest.mark.parametrize("place", ["/", "..", "../elsewhere", "sub", ".memory"])
def test_settings_that_have_the_work_tree_lie_elsewhere_change_nothing_there(trapped: Trapped, place: str) -> None:
    """Whatever lies there, nothing of it is read into git, written or run."""
    elsewhere = begun(trapped.world, "elsewhere")
    elsewhere.put("secret.md", "zebra-7421\n")
    elsewhere("add", ".")
    elsewhere("commit", "-qm", "elsewhere")
    trapped.set(elsewhere.folder / ".git")
    config = trapped.git.folder / ".git/config"
    config.write_text(f"{config.read_text()}[core]\n\tworktree = {place if place == '/' else f'../{place}'}\n")
    (trapped.git.folder / ".git/config.worktree").unlink()
    before = files_below(elsewhere.folder)

    for arguments in (("commit", "--json"), ("hook", "session-start")):
        answer = memfs(trapped.world, *arguments, folder=trapped.git.folder, stdin=json.dumps({"session_id": "s"}))
        assert answer.code in (0, 9, 10), answer
        assert "Traceback" not in answer.err
        assert "7421" not in answer.out + answer.err

    assert not trapped.canary.exists(), trapped.canary.read_text()
    assert files_below(elsewhere.folder) == before


def test_a_name_that_cannot_be_overruled_costs_git_and_nothing_else(trapped: Trapped) -> None:
    """A filter with `=` in its name stays in force whatever is said on the command line: git is left alone."""
    config = trapped.git.folder / ".git/config"
    config.write_text(f'{config.read_text()}[filter "a=b"]\n\tclean = {trapped.run} equal\n')
    (trapped.git.folder / ".git/info/attributes").write_text("* filter=a=b\n")

    assert "by a name with `=`" in trapped.memfs("status").out
    trapped.memfs("search", "zebra")
    trapped.memfs("save", "A word.")
    answering_events(trapped)
    assert memfs(trapped.world, "commit", folder=trapped.git.folder).code == 6
    assert not trapped.canary.exists(), trapped.canary.read_text()


def test_no_variable_of_git_leads_elsewhere(trapped: Trapped) -> None:
    """Neither to another repository, index or settings, nor to a program, nor has git write about itself."""
    world, run = trapped.world, str(trapped.run)
    decoy = begun(world, "decoy")
    decoy.put("a.txt", "a\n")
    decoy("add", ".")
    decoy("commit", "-qm", "decoy")
    before = files_below(decoy.folder)
    folder = str(decoy.folder / ".git")
    variables = {
        "GIT_DIR": folder, "GIT_COMMON_DIR": folder, "GIT_WORK_TREE": str(decoy.folder),
        "GIT_INDEX_FILE": f"{folder}/index", "GIT_OBJECT_DIRECTORY": f"{folder}/objects",
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": f"{folder}/objects", "GIT_NAMESPACE": "evil",
        "GIT_CEILING_DIRECTORIES": str(trapped.git.folder), "GIT_SHALLOW_FILE": f"{folder}/HEAD",
        "GIT_CONFIG": f"{folder}/config", "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": "core.fsmonitor", "GIT_CONFIG_VALUE_0": run,
        "GIT_CONFIG_KEY_1": "filter.evil.clean", "GIT_CONFIG_VALUE_1": run,
        "GIT_CONFIG_PARAMETERS": f"'core.fsmonitor={run}' 'core.hooksPath={decoy.folder}'",
        "GIT_EXTERNAL_DIFF": run, "GIT_PAGER": run, "PAGER": run, "GIT_EDITOR": run, "GIT_SEQUENCE_EDITOR": run,
        "GIT_ASKPASS": run, "SSH_ASKPASS": run, "GIT_SSH_COMMAND": run, "GIT_PROXY_COMMAND": run,
        "GIT_LITERAL_PATHSPECS": "1", "GIT_ICASE_PATHSPECS": "1", "GIT_NOGLOB_PATHSPECS": "1",
        "GIT_TRACE_SETUP": str(world.root / "trace"), "GIT_REPLACE_REF_BASE": "refs/heads/",
        "GIT_DEFAULT_HASH": "sha256", "GIT_TEMPLATE_DIR": str(trapped.git.folder), "GIT_OPTIONAL_LOCKS": "1",
        "GIT_TEST_FSMONITOR": run, "GIT_ATTR_SOURCE": "HEAD", "GIT_ALLOW_PROTOCOL": "ext:ssh", "GIT_FLUSH": "x",
    }  # fmt: skip

    told = trapped.memfs("status", "--json", environ=variables).json
    done = trapped.memfs("commit", "--json", environ=variables).json
    trapped.memfs("history", "abc", environ=variables)
    trapped.memfs("hook", "session-start", stdin=json.dumps(PROMPT), environ=variables)

    [own] = [store["git"] for store in told["stores"] if store["scope"] == "workspace"]
    assert own["repository"] == done["repository"] == str(trapped.git.folder)
    assert done["new"] == ["crlf.md"]
    assert (trapped.git.folder / ".git/refs/heads/main").read_text().strip() == done["commit"]
    assert files_below(decoy.folder) == before
    assert not list(world.root.glob("trace*"))

"""The story of memfs, told by its own commands in temporary folders: `make demo`. Stops when a chapter is not true."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from typing import Self

import anyio
from mcp import Client
from mcp.client.stdio import StdioServerParameters

DEADLINE_SECONDS = 30
CHECKOUT = Path(__file__).resolve().parent.parent


class Story:
    """Runs commands as a person would, printing each with its answer."""

    def __init__(self, home: Path) -> None:
        self.env = {key: value for key, value in os.environ.items() if not key.startswith(("MEMFS_", "CLAUDE_"))}
        self.env.pop("WORKSPACE_MODE", None)
        self.env |= {"HOME": str(home), "MEMFS_HOME": str(home / ".memory"), "PYTHONPATH": str(CHECKOUT)}
        self.env |= {"MEMFS_CACHE": str(home / "cache"), "MEMFS_STATE": str(home / "state")}
        for role in ("AUTHOR", "COMMITTER"):
            self.env |= {f"GIT_{role}_NAME": "You", f"GIT_{role}_EMAIL": "you@example.com"}

    def chapter(self, title: str) -> None:
        """Print a heading."""
        print(f"\n\033[1m{title}\033[0m" if sys.stdout.isatty() else f"\n{title}")

    def memfs(self, folder: Path, *words: str) -> str:
        """Run memfs in *folder*, show it, and return what it printed."""
        shown = " ".join(f'"{word}"' if " " in word else word for word in words)
        print(f"  {folder.name}$ memfs {shown}")
        done = subprocess.run(
            [sys.executable, "-m", "memfs", *words],
            cwd=folder, env=self.env, capture_output=True, text=True, check=False,
        )  # fmt: skip
        for line in (done.stdout + done.stderr).strip().splitlines():
            print(f"      {line.replace(str(folder.parent), '~')}")
        return done.stdout

    def git(self, folder: Path, *words: str) -> str:
        """Return what git prints in *folder*, without showing it."""
        command = ["git", *words]
        return subprocess.run(command, cwd=folder, env=self.env, capture_output=True, text=True, check=True).stdout

    def ask(self, folder: Path, *words: str) -> dict[str, list[dict[str, str]]]:
        """Return what memfs answers as JSON, without showing it."""
        command = [sys.executable, "-m", "memfs", *words, "--json"]
        done = subprocess.run(command, cwd=folder, env=self.env, capture_output=True, text=True, check=True)
        answer: dict[str, list[dict[str, str]]] = json.loads(done.stdout)
        return answer

    def holds(self, fact: str, *, true: bool) -> None:
        """Print *fact* with a tick, or stop."""
        print(f"  {'✓' if true else '✗'} {fact}")
        if not true:
            sys.exit(f"demo: this should hold and does not: {fact}")


def titles(story: Story, folder: Path, *words: str) -> list[str]:
    """Return the titles of a search's hits."""
    return [hit["title"] for hit in story.ask(folder, "search", *words)["hits"]]


def file_of(story: Story, folder: Path, memory: str) -> Path:
    """Return where a memory lies."""
    return Path(str(story.ask(folder, "get", memory)["path"]))


class Agent:
    """A real MCP client with a session of its own: it starts `memfs serve` in its project, as agents do."""

    def __init__(self, story: Story, folder: Path) -> None:
        self.name = folder.name
        self.story = story
        self.folder = folder
        self.session = f"session-of-{folder.name}"
        env = {**story.env, "CLAUDE_CODE_SESSION_ID": self.session}
        self.client = Client(
            StdioServerParameters(command=sys.executable, args=["-m", "memfs", "serve"], env=env, cwd=str(folder))
        )

    def hears(self, event: str, prompt: str = "") -> str:
        """Run the hook that the agent's client runs at *event*, show what is put before the agent, and return it."""
        said = {"session_id": self.session, "cwd": str(self.folder), "source": "startup", "prompt": prompt}
        done = subprocess.run(
            [sys.executable, "-m", "memfs", "hook", event],
            cwd=self.folder, env=self.story.env, input=json.dumps(said), capture_output=True, text=True, check=True,
        )  # fmt: skip
        answer = json.loads(done.stdout)["hookSpecificOutput"]["additionalContext"] if done.stdout else ""
        print(f"  {self.name}'s agent, {event}{f' “{prompt}”' if prompt else ''}, is told:")
        for line in answer.splitlines() or ["nothing"]:
            print(f"      {line}")
        return str(answer)

    async def __aenter__(self) -> Self:
        await self.client.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.client.__aexit__(*error)  # type: ignore[arg-type]

    async def call(self, tool: str, **arguments: object) -> dict[str, Any]:
        """Call a tool, show it, and return its answer."""
        shown = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
        result = await self.client.call_tool(tool, arguments)
        answer: dict[str, Any] = result.structured_content
        print(f"  {self.name}'s agent: {tool}({shown})")
        for hit in answer.get("results", ()):
            print(f"      {hit['similarity']:.2f}  {hit['title']}  ({hit['scope']})")
        if "memory_id" in answer:
            print(f"      {answer['title']}  ({answer['scope']})")
        elif not answer.get("results"):
            print("      nothing")
        return answer


def edit(file: Path, old: str, new: str) -> None:
    """Change a text in a file, as an editor does."""
    file.write_text(file.read_text().replace(old, new))
    print(f"  (an editor writes “{new}” into {file.name})")


async def meet(story: Story, shop: Path, blog: Path) -> None:
    """Two sessions, each in its project; what is shared between them, and when."""
    async with Agent(story, shop) as one, Agent(story, blog) as other:
        saved = await one.call("store_memory", content="Release notes are written in the past tense.", tags=["style"])
        found = await other.call("search_memories", query="release notes tense")
        story.holds("the other project's agent does not see it", true=found["count"] == 0)
        story.memfs(blog, "config", "set", "mode", "hybrid", "--here")
        moved = await one.call("convert_to_global", memory_id=saved["memory_id"])
        found = await other.call("search_memories", query="release notes tense")
        story.holds("now it does: both were told, no session was restarted", true=found["count"] == 1)
        async with other.client.listen(resource_subscriptions=["memory://global/recent"]) as news:
            edit(Path(moved["path"]), "past tense", "present tense")
            with anyio.fail_after(DEADLINE_SECONDS):
                async for _ in news:
                    break
        story.holds("the other agent's session was told of the edit", true=True)
        found = await other.call("search_memories", query="present tense")
        story.holds("and its next search has it", true="present" in str(found["results"][0]))


async def share(story: Story, shop: Path, app: Path, blog: Path) -> None:
    """Two agents in two projects of one group, a third outside it, side by side: who hears of what, and when."""
    async with Agent(story, shop) as one, Agent(story, app) as other, Agent(story, blog) as outside:
        for agent in (one, other, outside):
            agent.hears("session-start")
        await one.call("store_memory", content="Prices in the API are integers of cents.", scope="group:store")
        told = [agent.hears("user-prompt-submit", "ok, go on") for agent in (one, other, outside)]
        story.holds("at its next prompt the other member's agent hears of it", true="integers of cents" in told[1])
        story.holds("the agent that saved it is told nothing, nor is the one outside", true=told[0] == told[2] == "")
        story.memfs(blog, "channel", "subscribe", "api-*")
        text = "The API answers errors as problem+json."
        await one.call("store_memory", content=text, channels=["api-errors"])
        told = [agent.hears("user-prompt-submit", "go on") for agent in (other, outside)]
        story.holds("a channel is heard by who subscribed, and by nobody else", true="problem+json" in told[1])
        story.holds("the group shares its own store, not what its members keep", true=told[0] == "")
        story.memfs(shop, "why", "--session", "--id", other.session)


def tell_of_sharing(story: Story, shop: Path, blog: Path) -> None:
    """Tell of what is shared on purpose."""
    story.chapter("7. Shared on purpose: a group, a channel, and agents that hear of each other")
    app = shop.parent / "app"
    app.mkdir()
    story.memfs(shop, "config", "set", "mode", "hybrid")
    story.memfs(shop, "group", "create", "store")
    for folder in (shop, app):
        story.memfs(folder, "group", "add", "store")
    anyio.run(share, story, shop, app, blog)

    story.chapter("8. A question across projects, once it is switched on")
    story.memfs(blog, "search", "--all", "problem json errors")
    story.memfs(blog, "config", "set", "cross_project", "true")
    story.memfs(blog, "search", "--all", "problem json errors")
    across = story.ask(blog, "search", "--all", "problem", "json")["hits"]
    story.holds("the hit names its project", true=across[0]["scope"] == "project:shop")


def tell_of_machines(story: Story, shop: Path) -> None:
    """Tell how a second machine has the same shared memories, and keeps what both of them changed."""
    story.chapter("9. The same memories on a second machine, through a repository of yours")
    remote, laptop = shop.parent / "memories.git", Story(shop.parent / "laptop")
    work = shop.parent / "laptop" / "work"
    work.mkdir(parents=True)
    story.git(shop.parent, "init", "--quiet", "--bare", str(remote))
    story.memfs(shop, "sync", "--remote", str(remote))
    laptop.memfs(work, "--mode", "global", "sync", "--remote", str(remote))
    laptop.memfs(work, "--mode", "global", "tag", "Database of any project", "fromlaptop")
    file = file_of(story, shop, "Database of any project")
    file.write_text(file.read_text().rstrip("\n") + "\n\nBackups run at night.\n")
    print(f"  (meanwhile an editor adds “Backups run at night.” to {file.name} here)")
    for teller, place in ((laptop, work), (story, shop), (laptop, work)):
        teller.memfs(place, "--mode", "global", "sync")
    there = file_of(laptop, work, "Database of any project").read_bytes()
    both = b"fromlaptop" in there and b"Backups run at night." in there
    story.holds("both changes are on both machines", true=both and there == file.read_bytes())


def tell_of_commits(story: Story, shop: Path) -> None:
    """Tell how a project's memories are committed beside work that is staged."""
    story.chapter("11. A project's memories travel with its repository, beside your own work")
    story.git(shop, "init", "--quiet", "--initial-branch=main")
    (shop / "cart.py").write_text("# half done\n")
    story.git(shop, "add", "cart.py")
    print("  shop$ git add cart.py")
    story.memfs(shop, "commit")
    staged = story.git(shop, "diff", "--cached", "--name-only")
    committed = story.git(shop, "show", "--name-only", "--format=", "HEAD").split()
    story.holds("your staged file is still staged, and only that", true=staged == "cart.py\n")
    story.holds("the commit has memories alone", true=all(name.startswith(".memory/") for name in committed))


def tell(home: Path) -> None:
    """Tell the whole story in folders below *home*."""
    story = Story(home)
    shop, blog = home / "shop", home / "blog"
    shop.mkdir()
    blog.mkdir()

    story.chapter("1. A memory is a markdown file, saved in two scopes")
    story.memfs(shop, "config", "set", "mode", "hybrid", "--here")
    story.memfs(shop, "save", "The database is Postgres; ids are ULIDs.", "--title", "Database of the shop",
                "--type", "decision", "--importance", "8", "--tag", "db")  # fmt: skip
    shared = ("The database is Postgres; ids are serial.", "--title", "Database of any project", "--global")
    story.memfs(shop, "save", *shared)
    print()
    file = file_of(story, shop, "Database of the shop")
    for line in file.read_text().splitlines():
        print(f"      {line}")

    story.chapter("2. One search over both: the project's own comes before what is shared")
    story.memfs(shop, "search", "database ids")
    hits = story.ask(shop, "search", "database", "ids")["hits"]
    story.holds("the workspace's memory is ranked before the global one", true=hits[0]["scope"] == "workspace")

    story.chapter("3. Edit the file in any editor: the very next search knows")
    file.write_text(file.read_text().replace("ids are ULIDs", "ids are ULIDs, never serial integers"))
    print(f"  (an editor adds “never serial integers” to {file.name})")
    story.memfs(shop, "search", "serial integers")
    story.holds("the edit was found", true=titles(story, shop, "serial", "integers")[:1] == ["Database of the shop"])

    story.chapter("4. Moving a memory to another scope is moving a file: by memfs, or by mv")
    story.memfs(shop, "move", "Database of the shop", "--to", "global")
    by_memfs = story.ask(shop, "get", "Database of the shop")
    story.memfs(shop, "undo")
    target = home / ".memory" / "global" / file.name
    print(f"  shop$ mv .memory/{file.name} ~/.memory/global/")
    file.rename(target)
    by_mv = story.ask(shop, "get", "Database of the shop")
    same = [by_memfs[key] == by_mv[key] for key in ("id", "scope", "path", "digest")]
    story.holds("both ways lead to the same file, id and scope", true=all(same))

    story.chapter("5. A project sees its own memories alone, until you say otherwise")
    story.memfs(blog, "status")
    story.memfs(blog, "search", "postgres")
    story.holds("the isolated project sees nothing of the other", true=titles(story, blog, "postgres") == [])

    story.chapter("6. Two agents at work in two projects, and an editor beside them")
    anyio.run(meet, story, shop, blog)

    tell_of_sharing(story, shop, blog)

    tell_of_machines(story, shop)

    story.chapter("10. memfs's own decisions are memories too")
    copy = home / "memfs"
    copy.mkdir()
    (copy / ".memory").mkdir()
    for memory in (CHECKOUT / ".memory").glob("*.md"):
        (copy / ".memory" / memory.name).write_bytes(memory.read_bytes())
    story.memfs(copy, "search", "why is there no lock file", "-n", "2")
    found = titles(story, copy, "lock", "file")
    story.holds("this project's own memory answers", true=bool(found))

    tell_of_commits(story, shop)
    print("\nThat is all: files, found at once. `memfs --help` tells the rest.")


def main() -> None:
    """Tell the story in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="memfs-demo-") as folder:
        tell(Path(folder).resolve())


if __name__ == "__main__":
    main()

"""How fast `memfs serve` is on this machine, beside a server of the same SDK that does nothing.

python -m benchmarks.serving [--memories 10000] [--runs 21] [--json]

Real servers and clients over stdio, below a temporary folder; every time is taken at the client. The goals are for
two cores and 10,000 memories; with more, those that depend on the number are left out.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks import corpus
from benchmarks.rows import Goal
from benchmarks.rows import Row
from benchmarks.rows import publish
from benchmarks.rows import shown
from benchmarks.rows import told
from benchmarks.stdio import Client
from benchmarks.stdio import Failed
from benchmarks.worlds import GOAL_MEMORIES
from benchmarks.worlds import World
from benchmarks.worlds import worlds

BARE = """
import anyio
import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

SCHEMA = {"type": "object", "properties": {"query": {"type": "string"}}}

async def list_tools(ctx, params):
    return types.ListToolsResult(tools=[types.Tool(name="echo", description="Nothing.", input_schema=SCHEMA)])

async def call_tool(ctx, params):
    return types.CallToolResult(content=[types.TextContent(text="{}")], structured_content={})

async def main():
    server = Server("bare", on_list_tools=list_tools, on_call_tool=call_tool)
    async with stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())

anyio.run(main)
"""
"""The least that a server of the SDK with one tool comes to."""

MEMFS = (sys.executable, "-m", "memfs", "serve")
SEARCHES, SAVES, CHANGES = 500, 61, 41
WARMING = 20
"""Calls that are not counted: files and code that are read for the first time."""
TOGETHER, SAVES_EACH = 8, 100
IDLE_SERVERS = 3
IDLE_SECONDS, SETTLING_SECONDS = 30.0, 5.0
BETWEEN_SECONDS = 0.2
"""Between two changes, so that each is one by itself."""


class Bench:
    """The measurements, one after the other.

    Args:
        world: A machine with a workspace that was indexed.
        bare: The program of the server that does nothing.
        runs: How often each server is started.
    """

    def __init__(self, world: World, bare: Path, runs: int) -> None:
        self.world = world
        self.bare = (sys.executable, str(bare))
        self.runs = runs
        self.count = len(world.notes)

    def rows(self) -> Iterator[Row]:
        """Yield each row as soon as it is measured; those that change memories come last."""
        yield self.starting()
        yield self.listing()
        yield self.searching()
        yield self.saving()
        yield from self.finding()
        yield from self.telling()
        yield self.saving_together()
        yield from self.idling()

    def at_scale(self, goal: Goal) -> Goal | None:
        """Return *goal*, unless it is not meant for so many memories."""
        return goal if self.count <= GOAL_MEMORIES else None

    def client(self, command: Sequence[str] = MEMFS) -> Client:
        """Return a client of a new server."""
        return Client(command, self.world.environ, self.world.project)

    # ---- one server

    def starting(self) -> Row:
        """Return how many times as long as the bare server memfs takes to list its tools; runs take turns."""
        pairs = [(self.start(self.bare), self.start(MEMFS)) for _ in range(self.runs + 1)][1:]
        bare, ours = ([pair[side] for pair in pairs] for side in (0, 1))
        note = f"{median(ours) * 1e3:.0f} ms against {median(bare) * 1e3:.0f} ms"
        return Row(
            "spawn to first tools/list, against a bare SDK server", "×", [b / a for a, b in pairs], Goal(1.15), note
        )

    def start(self, command: Sequence[str]) -> float:
        """Return how many seconds after its start a server has listed its tools."""
        with self.client(command) as client:
            client.greet().ask("tools/list")
            return time.perf_counter() - client.started

    def listing(self) -> Row:
        """Return how much there is to read before the first call."""
        with self.client() as client:
            size = client.greet().ask("tools/list").size
        return Row("tools/list, JSON", "kB", [size], Goal(16.0))

    def searching(self) -> Row:
        """Return how much longer a search takes than a call of the bare server's tool; calls take turns."""
        asked = [question.text for question in corpus.questions(self.world.notes, SEARCHES + WARMING, seed=1)]
        bare, ours = [], []
        with self.client(self.bare) as nothing, self.client() as client:
            nothing.greet()
            client.greet()
            for text in asked:
                bare.append(nothing.call("echo", query=text).seconds)
                ours.append(client.call("search_memories", query=text).seconds)
        least = median(bare[WARMING:])
        note = f"{median(ours[WARMING:]) * 1e3:.2f} ms against {least * 1e3:.2f} ms"
        name = f"search_memories, {self.count:,} memories, beyond a bare tool call"
        return Row(name, "ms", [each - least for each in ours[WARMING:]], self.at_scale(Goal(3.0)), note)

    def saving(self) -> Row:
        """Return how long a save takes until it is on the disk and can be found, which is looked at after each."""
        took = []
        with self.client() as client:
            warmed(client.greet())
            for number, note in enumerate(corpus.notes(SAVES, seed=2)):
                own = word("saved", number)
                saved = client.call("store_memory", content=f"{note.body}\n\n{own}", tags=list(note.tags))
                took.append(saved.seconds)
                if saved.result["memory_id"] not in found(client, own):
                    raise Failed(f"{saved.result['memory_id']} was saved and is not found")
        return Row("store_memory, durable and searchable", "ms", took[1:], self.at_scale(Goal(40.0)))

    # ---- files that others write

    def finding(self) -> Iterator[Row]:
        """Yield how long after a file was written a search finds it, asked again and again."""
        took, asked = [], []
        with self.client() as client:
            warmed(client.greet())
            for change in self.changes("found"):
                written = change.make()
                attempts = 1
                while not found(client, change.word):
                    attempts += 1
                took.append(time.perf_counter() - written)
                asked.append(attempts)
        note = f"{median(asked):.0f} searches, at most {max(asked)}"
        yield Row("written elsewhere to found by search", "ms", took[1:], self.at_scale(Goal(40.0, 150.0)), note)

    def telling(self) -> Iterator[Row]:
        """Yield how long after a file was written its subscriber is told."""
        took = []
        with self.client() as client:
            warmed(client.greet())
            for change in self.changes("told"):
                memory_id = client.call("get_memory", memory_id=str(change.path)).result["memory_id"]
                client.ask("resources/subscribe", {"uri": f"memory://memory/{memory_id}"})
                client.forget(BETWEEN_SECONDS)
                written = change.make()
                took.append(client.told("notifications/resources/updated") - written)
        yield Row("written elsewhere to resources/updated", "ms", took[1:], self.at_scale(Goal(60.0)))

    def changes(self, what: str) -> Iterator[Change]:
        """Yield changes to be made, in place and by a new file in turn, with some time between them."""
        for number, note in enumerate(self.world.notes[:CHANGES]):
            time.sleep(BETWEEN_SECONDS)
            yield Change(self.world.store() / note.file_name, word(what, number), replaces=number % 2 == 0)

    # ---- several servers

    def saving_together(self) -> Row:
        """Return how many memories are lost, or not found by each, when several servers save at once."""
        words = [word("together", number) for number in range(TOGETHER)]
        with ExitStack() as stack, ThreadPoolExecutor(TOGETHER) as threads:
            clients = [stack.enter_context(self.client()) for _ in words]
            list(threads.map(lambda client: warmed(client.greet()), clients))
            start = time.perf_counter()
            saved = list(threads.map(save_many, clients, words))
            seconds = time.perf_counter() - start
            lost = sum(not path.exists() for paths in saved for path in paths.values())
            for client in clients:
                lost += sum(len(paths.keys() - found(client, each)) for each, paths in zip(words, saved, strict=True))
        name = f"{TOGETHER} servers × {SAVES_EACH} saves at once, lost or not found by each"
        note = f"{TOGETHER * SAVES_EACH / seconds:.0f} saves per second"
        return Row(name, "memories", [lost + TOGETHER * SAVES_EACH - sum(map(len, saved))], Goal(0.0), note)

    def idling(self) -> Iterator[Row]:
        """Yield CPU and memory of servers that have worked and wait; the most that one of them takes."""
        shares, sizes = [], []
        if Path("/proc/self/stat").exists():
            with ExitStack() as stack:
                clients = [stack.enter_context(self.client()) for _ in range(IDLE_SERVERS)]
                for number, client in enumerate(clients):
                    warmed(client.greet())
                    client.call("store_memory", content=f"{word('idle', number)}: what an idle server saved.")
                time.sleep(SETTLING_SECONDS)
                before = [cpu_seconds(client.pid) for client in clients]
                time.sleep(IDLE_SECONDS)
                after = [cpu_seconds(client.pid) for client in clients]
                shares = [(end - begin) / IDLE_SECONDS for begin, end in zip(before, after, strict=True)]
                sizes = [resident_bytes(client.pid) for client in clients]
        name = f"{IDLE_SERVERS} idle servers for {IDLE_SECONDS:g} s, the most of"
        yield Row(f"{name} CPU", "%", worst(shares), Goal(1.0), each(shares, 1e-2, "%"))
        yield Row(f"{name} memory", "MB", worst(sizes), self.at_scale(Goal(110.0)), each(sizes, 1e6, "MB"))


class Change(NamedTuple):
    """A word that no memory has, to be added to the file *path* as an editor saves it: in place, or by a new file."""

    path: Path
    word: str
    replaces: bool

    def make(self) -> float:
        """Write the file; return when that became visible, by `time.perf_counter`."""
        text = f"{self.path.read_text(encoding='utf-8')}\n{self.word}\n"
        place = self.path.with_suffix(".tmp") if self.replaces else self.path
        now = time.perf_counter()
        place.write_text(text, encoding="utf-8")
        if self.replaces:
            now = time.perf_counter()
            place.replace(self.path)
        return now


def warmed(client: Client) -> Client:
    """Return *client* when its server has opened the workspace and found what is there."""
    for _ in range(WARMING):
        client.call("search_memories", query="retry timeout of the cache")
    return client


def word(what: str, number: int) -> str:
    """Return a word that no other memory has, nor one that looks like it."""
    return f"zq{what}" + "".join(chr(ord("a") + int(digit)) * 3 for digit in str(number))


def found(client: Client, text: str) -> set[str]:
    """Return the ids of the memories that a search for *text* finds, at most 100."""
    arguments = {"limit": 100, "output_mode": "compact", "max_tokens": 20_000}
    answer = client.call("search_memories", query=f'"{text}"', **arguments)
    return {hit["memory_id"] for hit in answer.result["results"]}


def save_many(client: Client, text: str) -> dict[str, Path]:
    """Save `SAVES_EACH` memories that all have *text*; return their files by id."""
    saved = [
        client.call("store_memory", content=f"{text} {number}, saved beside others.") for number in range(SAVES_EACH)
    ]
    return {answer.result["memory_id"]: Path(answer.result["path"]) for answer in saved}


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used (proc(5), stat: utime and stime)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid: int) -> int:
    """Return how much memory a process has now (proc(5), status: VmRSS)."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(lines["VmRSS"].split()[0]) * 1024


def worst(values: Sequence[float]) -> Sequence[float]:
    """Return the largest of *values* alone, if there is one."""
    return [max(values)] if values else []


def each(values: Sequence[float], factor: float, unit: str) -> str:
    """Return all of *values*, in *unit*, for a note."""
    return f"{', '.join(shown(value / factor) for value in values)} {unit}" if values else ""


def main() -> None:
    """Measure what the command line asks for, and print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--memories", type=int, default=GOAL_MEMORIES, help="how many (default 10,000)")
    parser.add_argument("--runs", type=int, default=21, help="starts of each server (default 21)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    if options.memories < CHANGES or options.runs < 1:
        parser.error(f"at least {CHANGES} memories and 1 run")
    with worlds(options.memories) as (world, _):
        world.build_to_stay()
        bare = world.folder / "bare.py"
        bare.write_text(BARE)
        rows = told(Bench(world, bare, options.runs).rows())
    publish(rows, as_json=options.json)


if __name__ == "__main__":
    main()

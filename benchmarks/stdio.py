"""A client of MCP that measures: lines of JSON over the pipes of a server it started, and nothing else in between."""

from __future__ import annotations

import json
import os
import select
import subprocess
import time
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any
from typing import NamedTuple
from typing import Self

Json = dict[str, Any]

PROTOCOL = "2025-11-25"
DEADLINE_SECONDS = 60.0
"""After which an answer is given up."""
ENDING_SECONDS = 10.0
CHUNK = 1 << 20


class Answer(NamedTuple):
    """A server's answer: `seconds` from before the question was written until its line was read, and its bytes."""

    result: Json
    seconds: float
    size: int


class Failed(Exception):
    """A server answered with an error, ended, or did not answer at all."""


class Client:
    """Starts the server *command* and speaks with it; the handshake is the caller's first `greet`.

    Attributes:
        started: When the process was started, by `time.perf_counter`.
    """

    def __init__(self, command: Sequence[str], environ: Mapping[str, str], cwd: Path) -> None:
        self.started = time.perf_counter()
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ, cwd=cwd, bufsize=0
        )
        self._rest = b""
        self._number = 0
        self._notices: list[tuple[float, Json]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the server's input, and have it end."""
        process = self._process
        if process.stdin:
            process.stdin.close()
        try:
            process.wait(ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._process.pid

    def greet(self) -> Self:
        """Shake hands, as a client that declares no capability of its own."""
        about = {"name": "memfs-bench", "version": "1"}
        self.ask("initialize", {"protocolVersion": PROTOCOL, "capabilities": {}, "clientInfo": about})
        self._send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return self

    def ask(self, method: str, params: Json | None = None) -> Answer:
        """Return the server's answer.

        Raises:
            Failed: It is an error, or there is none.
        """
        self._number += 1
        question = {"jsonrpc": "2.0", "id": self._number, "method": method, "params": params or {}}
        start = time.perf_counter()
        self._send(question)
        while True:
            arrived, line = self._line(start + DEADLINE_SECONDS)
            said = json.loads(line)
            if said.get("id") == self._number:
                break
            self._notices.append((arrived, said))
        if "result" not in said:
            raise Failed(f"{method}: {said.get('error')}")
        return Answer(said["result"], arrived - start, len(line))

    def call(self, tool: str, **arguments: object) -> Answer:
        """Return what *tool* answers, in `result` its structured content.

        Raises:
            Failed: The tool failed.
        """
        answer = self.ask("tools/call", {"name": tool, "arguments": arguments})
        if answer.result.get("isError"):
            raise Failed(f"{tool}: {answer.result['content'][0]['text']}")
        return answer._replace(result=answer.result["structuredContent"])

    def told(self, method: str, seconds: float = DEADLINE_SECONDS) -> float:
        """Return when the notification *method* arrived, by `time.perf_counter`; earlier ones must be forgotten first.

        Raises:
            Failed: It did not within *seconds*.
        """
        deadline = time.perf_counter() + seconds
        while True:
            for arrived, said in self._notices:
                if said.get("method") == method:
                    return arrived
            arrived, line = self._line(deadline)
            self._notices.append((arrived, json.loads(line)))

    def forget(self, seconds: float) -> None:
        """Read for *seconds* whatever the server says, and forget it."""
        deadline = time.perf_counter() + seconds
        while (left := deadline - time.perf_counter()) > 0:
            if b"\n" in self._rest or self._readable(left):
                self._line(deadline + DEADLINE_SECONDS)
        self._notices.clear()

    def _send(self, message: Json) -> None:
        assert self._process.stdin  # noqa: S101  (it was asked for)
        self._process.stdin.write(json.dumps(message).encode() + b"\n")

    def _line(self, deadline: float) -> tuple[float, bytes]:
        """Return the next line and when it was there."""
        while b"\n" not in self._rest:
            if not self._readable(deadline - time.perf_counter()):
                raise Failed("the server did not answer in time")
            chunk = os.read(self._output(), CHUNK)
            if not chunk:
                raise Failed("the server ended")
            self._rest += chunk
        arrived = time.perf_counter()
        line, _, self._rest = self._rest.partition(b"\n")
        return arrived, line

    def _readable(self, seconds: float) -> bool:
        return bool(select.select([self._output()], [], [], max(seconds, 0.0))[0])

    def _output(self) -> int:
        assert self._process.stdout  # noqa: S101  (it was asked for)
        return self._process.stdout.fileno()

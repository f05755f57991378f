"""Index a workspace from nothing in this process: `python -m benchmarks.once FOLDER` prints what that took, as JSON."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from memfs.workspace import Workspace


def main() -> None:
    """Index the workspace that the command line names, and print seconds, CPU seconds and peak bytes."""
    start, cpu = time.perf_counter(), time.process_time()
    workspace = Workspace.open(Path(sys.argv[1]))
    for store in workspace.view.stores:
        workspace.index.refresh(store, store.scan().files)
    took = {"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu, "peak": peak()}
    json.dump(took, sys.stdout)


def peak() -> int:
    """Return the most memory that this process had, in bytes.

    Where the kernel keeps it for each program, that: `ru_maxrss` begins with what the parent had.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        if "VmHWM" in lines:
            return int(lines["VmHWM"].split()[0]) * 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


if __name__ == "__main__":
    main()

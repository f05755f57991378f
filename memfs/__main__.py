"""Run memfs: `python -m memfs` and the command `memfs`."""

from __future__ import annotations

from memfs.faces.cli import main

if __name__ == "__main__":
    main()

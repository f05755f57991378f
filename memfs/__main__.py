"""Run memfs: `python -m memfs` and the command `memfs`."""

from __future__ import annotations

import gc
from typing import NoReturn

OBJECTS = 100_000
"""How many more before garbage is looked for: most commands make fewer while they load, and keep them."""


def main() -> NoReturn:
    """Run the command line and end the process with its exit code."""
    gc.set_threshold(OBJECTS)
    from memfs.faces.cli import main as run  # which loads what is worth the line above

    run()


if __name__ == "__main__":
    main()

"""memfs: one memory for coding agents and the people beside them, made of markdown files."""

from __future__ import annotations

__version__ = "0.1.0"

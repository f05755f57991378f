"""The ways in to memfs. Faces hold no logic: they read what was asked, call a verb, and show what it answers."""

from __future__ import annotations

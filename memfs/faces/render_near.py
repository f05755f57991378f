"""Memories that are near each other, for programs (JSON) and for people (lines of styled text)."""

from __future__ import annotations

from collections.abc import Iterator

from memfs.answers import Duplicates
from memfs.answers import Neighbour
from memfs.answers import Related
from memfs.faces.render import BOLD
from memfs.faces.render import DIM
from memfs.faces.render import GOOD
from memfs.faces.render import Json
from memfs.faces.render import Line
from memfs.faces.render import near_json
from memfs.faces.render import near_pieces
from memfs.faces.render import note_lines
from memfs.trust import inert_line


def related_json(related: Related) -> Json:
    """Return what is near a memory as an object."""
    near = [near_json(each) for each in related.neighbours]
    return {"id": related.entry.memory.id, "title": related.entry.memory.title, "related": near,
            "notes": list(related.notes)}  # fmt: skip


def duplicates_json(found: Duplicates) -> Json:
    """Return groups of copies as an object; the first of a group is the one that is kept."""
    groups = [
        {
            "keep": near_json(Neighbour(group.entry, 1.0)),
            "others": [near_json(each) for each in group.others],
            "merged": group.merged,
        }
        for group in found.groups
    ]
    return {"groups": groups, "total": found.total, "notes": list(found.notes)}


def related_lines(related: Related) -> Iterator[Line]:
    """Yield what is near a memory, each with the reason."""
    for near in related.neighbours:
        link = f"{inert_line(near.relation)} this" if near.incoming else f"this {inert_line(near.relation)}"
        yield [(f"{link if near.relation else 'alike'}: ", GOOD if near.relation else DIM), *near_pieces(near)]
    if not related.neighbours:
        yield [("Nothing is linked to it or like it.", "")]
    yield from note_lines(related.notes)


def duplicates_lines(found: Duplicates) -> Iterator[Line]:
    """Yield groups of copies, and what makes one memory of each."""
    for group in found.groups:
        entry = group.entry
        yield [("made one: " if group.merged else "keep: ", GOOD), (inert_line(entry.memory.title), BOLD),
               (f"  {inert_line(entry.store.scope)}  {entry.memory.id}", DIM)]  # fmt: skip
        for near in group.others:
            yield [("  like it: ", DIM), *near_pieces(near)]
        if not group.merged:
            ids = " ".join(each.entry.memory.id for each in group.others)
            yield [(f"  memfs consolidate {ids} --keep {entry.memory.id}", DIM)]
        yield []
    if not found.groups:
        yield [("No two memories are that alike.", GOOD), (" A lower --threshold finds more.", DIM)]
    elif len(found.groups) < found.total:
        yield [(f"{len(found.groups)} of {found.total:,} groups; --limit shows more.", DIM)]
    yield from note_lines(found.notes)

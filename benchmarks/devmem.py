"""The open half of a set of developers' memories, with phrases for those who forgot their wording, and questions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from memfs import memory
from memfs import quality
from memfs.quality import Question
from memfs.values import Value

DATA = Path(__file__).parent / "data"


def files(*, cues: bool) -> dict[str, bytes]:
    """Return the set's memories as files, bytes by name; with their phrases under `cues` if asked for."""
    phrases = json.loads((DATA / "devmem.open.cues.json").read_text(encoding="utf-8"))
    made = {}
    for each in _lines("docs"):
        values: dict[str, Value] = {
            "id": each["id"],
            "title": each["title"],
            "importance": str(each["importance"]),
            "tags": list(dict.fromkeys(each["tags"])),
            "created": each["created"],
        }
        if cues:
            values["cues"] = phrases[each["id"]]
        made[f"{each['id']}.md"] = memory.compose(values, each["text"])
    return made


def questions(*, also: bool = False) -> list[Question]:
    """Return the questions of the set, in other words too if asked for."""
    asked = _lines("queries")
    if also:
        phrasings = json.loads((DATA / "devmem.open.also.json").read_text(encoding="utf-8"))["also"]
        asked = [{**each, "also": phrasings[each["qid"]]} for each in asked]
    return quality.parse("\n".join(map(json.dumps, asked)), "the open questions")


def _lines(part: str) -> list[dict[str, Any]]:
    text = (DATA / f"devmem.open.{part}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]

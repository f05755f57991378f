"""What the tools do that save, change and bring back: arguments in, a verb or two, an answer in recall's words out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC
from datetime import datetime
from datetime import timedelta

from memfs.answers import Done
from memfs.answers import Draft
from memfs.answers import Entry
from memfs.errors import MAX_SHOWN
from memfs.errors import Invalid
from memfs.errors import MemfsError
from memfs.errors import NotFound
from memfs.errors import Refused
from memfs.faces.mcp import shapes
from memfs.faces.mcp.desk import Client
from memfs.faces.mcp.schemas import TOKENS
from memfs.faces.mcp.shapes import Json
from memfs.memory import DEFAULT_IMPORTANCE
from memfs.memory import format_time
from memfs.pack import CHARACTERS_PER_TOKEN
from memfs.pack import cut
from memfs.values import Value
from memfs.workspace import Workspace

BROUGHT = ("content", "context_type", "importance", "tags", "summary", "category", "title", "scope", "path", "digest",
           "trusted")  # fmt: skip
"""What is told of a memory that was brought back."""

# ---- saving


def store_memory(client: Client, args: Json) -> Json:
    """Save one memory, or fold it into another one."""
    if not (into := args.get("merge_into")):
        return _saved(client, [args], allow_secret=args["allow_secret"])[0]
    values = _values(args)
    if values["importance"] == str(DEFAULT_IMPORTANCE):  # nobody's wish: it is filled in
        del values["importance"]
    with shapes.missing("Memory {} not found"):
        done = client.here.save(
            args["content"], values, scope=_wish(args), merge_into=into, allow_secret=args["allow_secret"]
        )
    return _told(done)


def store_batch_memories(client: Client, args: Json) -> Json:
    """Save several, all or, if one cannot be kept, none."""
    saved = _saved(client, args["memories"], allow_secret=args["allow_secret"])
    notes = list(dict.fromkeys(note for each in saved for note in each.get("notes", ())))
    answer = {"success": True, "count": len(saved), "memory_ids": [each["memory_id"] for each in saved]}
    similar = {each["memory_id"]: each["similar"] for each in saved if "similar" in each}
    return shapes.noted(answer | ({"similar": similar} if similar else {}), notes)


def quick_store_decision(client: Client, args: Json) -> Json:
    """Save a decision in recall's layout."""
    decision, alternatives = args["decision"].strip(), args.get("alternatives_considered", [])
    if not decision:
        raise Invalid("decision must not be empty.")
    parts = [f"DECISION: {decision}"]
    parts += [f"REASONING: {args['reasoning'].strip()}"] if args.get("reasoning", "").strip() else []
    parts += ["ALTERNATIVES CONSIDERED:\n" + "\n".join(f"- {each}" for each in alternatives)] if alternatives else []
    content = "\n\n".join(parts)
    given = {
        "content": content,
        "context_type": "decision",
        "tags": list(dict.fromkeys([*args["tags"], "decision", "auto-stored"])),
        "importance": args["importance"],
        "scope": args.get("scope", ""),
        "summary": cut(f"Decision: {' '.join(decision.split())}", 300),
        "title": cut(" ".join(decision.split()), 120),
    }
    saved = _saved(client, [given], allow_secret=args["allow_secret"])[0]
    return {**saved, "message": "Decision stored", "stored_content": cut(content, 200, "...")}


def _saved(client: Client, batch: Sequence[Json], *, allow_secret: bool) -> list[Json]:
    drafts = [Draft(args["content"], _values(args), _wish(args)) for args in batch]
    saved = client.here.save_all(drafts, allow_secret=allow_secret)
    for done in saved:
        client.saw(done.entry)
    return [_told(done) for done in saved]


def _told(done: Done) -> Json:
    return {"success": True, **shapes.done(done), **shapes.only(shapes.memory(done.entry), ("timestamp", "summary"))}


def _wish(args: Json) -> str:
    """Return the scope that a save is meant for, empty for the mode's own; `is_global` and `scope` may not name two."""
    scope: str = args.get("scope", "")
    if not args.get("is_global"):
        return scope
    if scope not in ("", "global"):
        raise Invalid(f"is_global says global and scope says {cut(scope, 80)}; pass one of them.")
    return "global"


def _values(args: Json) -> dict[str, Value]:
    values: dict[str, Value] = {
        "title": args.get("title", ""),
        "type": args.get("context_type", "information"),
        "importance": str(math.floor(args.get("importance", 5))),
        "tags": list(args.get("tags", [])),
        "category": args.get("category", ""),
        "channels": list(args.get("channels", [])),
        "cues": list(args.get("cues", [])),
        "summary": args.get("summary", ""),
        "session": args.get("session_id", ""),
    }
    if ttl := args.get("ttl_seconds"):
        values["expires"] = format_time(datetime.now(UTC) + timedelta(seconds=min(ttl, 10**10)))
    return values


# ---- changing


def update_memory(client: Client, args: Json) -> Json:
    """Change a memory, and move it if a scope is asked for, which is checked first."""
    here = client.here
    changes: dict[str, Value | None] = {
        key: args[name] or None
        for key, name in (
            *((key, key) for key in ("summary", "category", "tags", "channels", "cues")),
            ("session", "session_id"),
        )
        if name in args
    }
    changes |= {"type": args["context_type"]} if "context_type" in args else {}
    changes |= {"importance": str(math.floor(args["importance"]))} if "importance" in args else {}
    if not (changes or "content" in args or "is_global" in args):
        raise Invalid("Nothing was asked to be changed; pass content, tags, importance or another argument beside.")
    with shapes.missing("Memory {} not found"):
        before = entry = here.get(args["memory_id"])
        target = _asked_scope(args, entry)
        if target:
            here.view.store(target)
            _refuse_to_vouch(entry, target)
        done = None
        if changes or "content" in args:
            expect = args.get("digest") or (client.expects(entry) if "content" in args else "")
            done = here.update(
                str(entry.path), changes, args.get("content"), expect=expect, allow_secret=args["allow_secret"]
            )
            entry = done.entry
        moved = _moved_too(here, entry, target, changed=done is not None) if target else None
    last = moved or done
    shown = shapes.done(last) if last else shapes.only(shapes.memory(entry), ("memory_id", "title", "scope", "path"))
    now = last.entry if last else entry
    if "content" in args or (client.knows(before) and now.memory.body == before.memory.body):
        client.saw(now)  # not otherwise: a text that somebody else wrote since is still unseen
    return {"success": True, **shown, "updated_at": shapes.milliseconds(datetime.now(UTC))}


def _asked_scope(args: Json, entry: Entry) -> str:
    """Return the scope that `is_global` asks for, if that is another one: false takes back what is global, no more."""
    if "is_global" not in args or args["is_global"] == (entry.store.scope == "global"):
        return ""
    return "global" if args["is_global"] else "workspace"


def _moved_too(here: Workspace, entry: Entry, target: str, *, changed: bool) -> Done:
    """Move *entry*; where that fails, say what was done before."""
    try:
        return here.move(str(entry.path), target)
    except MemfsError as error:
        if changed:
            error.args = (f"{error} The text and keys were changed; the memory stays where it was.",)
        raise


def _refuse_to_vouch(entry: Entry, target: str) -> None:
    """Refuse to move what came with a repository to where it would pass for the user's own words."""
    if not entry.trusted and target != "workspace":
        raise Refused(
            f"{entry.path} came with the repository, and in {target} it would pass for the user's own. "
            "If they vouch for it: `memfs trust`, then move it."
        )


def consolidate_memories(client: Client, args: Json) -> Json:
    """Make one memory of several."""
    with shapes.missing("Memory {} not found"):
        done = client.here.consolidate(args["memory_ids"], keep=args.get("keep_id", ""))
    return {"success": True, **shapes.done(done)}


def delete_memory(client: Client, args: Json) -> Json:
    """Remove a memory."""
    with shapes.missing("Memory {} not found"):
        entry = client.here.get(args["memory_id"])
        expect = args.get("digest") or client.expected(entry)
        done = client.here.forget(str(entry.path), expect=expect)
    return {"success": True, **shapes.done(done), "deleted_at": shapes.milliseconds(datetime.now(UTC))}


def move_memory(client: Client, args: Json) -> Json:
    """Move a memory to another scope."""
    return _moved(client, args, args["to"])


def convert_to_global(client: Client, args: Json) -> Json:
    """Move a memory to the global store."""
    return _moved(client, args, "global")


def convert_to_workspace(client: Client, args: Json) -> Json:
    """Move a memory to this workspace or another one."""
    return _moved(client, args, "workspace", args.get("workspace_id") or None)


def _moved(client: Client, args: Json, to: str, workspace: str | None = None) -> Json:
    here = client.here
    with shapes.missing("Memory not found: {}"):
        if workspace is None:
            here.view.store(to)
        _refuse_to_vouch(here.get(args["memory_id"]), to)
        done = here.move(args["memory_id"], to, workspace=workspace)
    store = done.entry.store
    shown = {"success": True, **shapes.done(done), "is_global": store.scope == "global"}
    return shown | ({"workspace_id": str(store.root.parent)} if store.scope == "workspace" else {})


# ---- what it was


def get_memory_history(client: Client, args: Json) -> Json:
    """Tell what a memory was, and who changed it."""
    with shapes.missing("Memory {} not found"):
        told = client.here.history(args["memory_id"], int(args["limit"]))
    versions = [shapes.version(told.memory_id, version) for version in told.versions]
    shown, left_out = shapes.bounded(versions, TOKENS)
    if told.present is not None:
        client.saw(told.present, whole="truncated" not in shown[0])
    answer = {
        "success": True,
        "memory_id": told.memory_id,
        "versions": shown,
        "total_versions": len(versions),
        "oldest_version": versions[-1]["created_at"],
        "newest_version": versions[0]["created_at"],
        "present": told.present is not None,
        "committed": told.committed,
    }
    notes = [*told.notes, *(["There are older ones: ask for more with limit."] if told.more else [])]
    return shapes.noted(answer, [*notes, *([f"{left_out} older versions did not fit."] if left_out else [])])


def rollback_memory(client: Client, args: Json) -> Json:
    """Bring back what a memory was."""
    expect = ""
    with suppress(NotFound):  # of a forgotten one nothing has to be there
        expect = client.expected(client.here.get(args["memory_id"]))
    with shapes.missing("Failed to rollback memory: Memory not found: {}"):
        done = client.here.restore(args["memory_id"], args["version_id"], expect=expect)
    whole = shapes.memory(done.entry, body=True)
    shown = shapes.shortened({"id": whole["memory_id"], **shapes.only(whole, BROUGHT)}, TOKENS * CHARACTERS_PER_TOKEN)
    client.saw(done.entry, whole="truncated" not in shown)
    answer = {
        "success": True,
        "memory": shown,
        "rolled_back_to": args["version_id"],
        "preserve_relationships": args["preserve_relationships"],
        "message": f"Successfully rolled back memory to version {cut(args['version_id'], MAX_SHOWN)}",
    }
    return shapes.noted(answer, done.notes)


HANDLERS = (
    store_memory, store_batch_memories, quick_store_decision, update_memory, consolidate_memories, delete_memory,
    move_memory, convert_to_global, convert_to_workspace, get_memory_history, rollback_memory,
)  # fmt: skip
"""What does each tool of this module, by whose name it goes."""

"""How what a tool takes is described, in JSON Schema: a text, a number, a choice, a list or an object of them."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]
"""A JSON Schema."""


def record(properties: dict[str, Schema], *required: str) -> Schema:
    """Return the schema of an object with *properties* and no others."""
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return schema | ({"required": list(required)} if required else {})


def text(description: str = "", default: str | None = None, *, least: int = 0, most: int = 0) -> Schema:
    """Return the schema of a text of *least* to *most* characters; 0 for no bound."""
    bounds: Schema = ({"minLength": least} if least else {}) | ({"maxLength": most} if most else {})
    return _about({"type": "string", **bounds}, description, default)


def choice(*values: str, description: str = "", default: str | None = None) -> Schema:
    """Return the schema of one of *values*."""
    return _about({"type": "string", "enum": list(values)}, description, default)


def number(low: float, high: float | None = None, default: float | None = None, description: str = "") -> Schema:
    """Return the schema of a number from *low* to *high*."""
    bounds: Schema = {"type": "number", "minimum": low} | ({"maximum": high} if high else {})
    return _about(bounds, description, default)


def flag(description: str = "", *, default: bool | None = None) -> Schema:
    """Return the schema of yes or no."""
    return _about({"type": "boolean"}, description, default)


def several(of: Schema, description: str = "", default: list[str] | None = None, *, least: int = 0) -> Schema:
    """Return the schema of a list of at least *least* of what *of* describes."""
    return _about({"type": "array", "items": of} | ({"minItems": least} if least else {}), description, default)


def _about(schema: Schema, description: str, default: object = None) -> Schema:
    schema = {**schema, "description": description} if description else dict(schema)
    return schema if default is None else {**schema, "default": default}


def untold(properties: dict[str, Schema]) -> dict[str, Schema]:
    """Return *properties* without the words, where another tool has them."""
    return {
        name: {key: value for key, value in each.items() if key != "description"} for name, each in properties.items()
    }


def told(schema: Schema) -> Schema:
    """Return *schema* as it is listed: without the least and most lengths, which a refusal says, and empty defaults."""
    return {
        key: told(value) if isinstance(value, dict) else value
        for key, value in schema.items()
        if key not in ("minLength", "maxLength", "minItems") and not (key == "default" and value in (False, []))
    }

"""Arguments of a call: checked against the schema that was listed, with its defaults applied."""

from __future__ import annotations

import math
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING
from typing import Any

from memfs.errors import Invalid
from memfs.trust import inert_line

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

    from memfs.faces.mcp.parameters import Schema

SHOWN = 80
"""Characters of what was passed that a sentence repeats."""


def checked(schema: Schema, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return *given* with the defaults of *schema*; an optional argument that is null counts as not given.

    Raises:
        Invalid: An argument is unknown, missing or of the wrong kind: one sentence for each.
    """
    passed = _passed(schema, given)
    unknown = [_unknown(name, schema["properties"]) for name in passed if name not in schema["properties"]]
    errors = [] if unknown else sorted(_validator()(schema).iter_errors(passed), key=lambda error: error.path)
    if sentences := unknown or [_sentence(error) for error in errors]:
        raise Invalid(" ".join(sentences[:5]))
    return _filled(schema, passed)


@cache
def _validator() -> type[Validator]:
    """Return what checks against a schema; what is not finite is no number to it."""
    from jsonschema import Draft202012Validator
    from jsonschema import validators

    usual = Draft202012Validator.TYPE_CHECKER

    def is_number(_: object, value: object) -> bool:
        return usual.is_type(value, "number") and not (isinstance(value, float) and not math.isfinite(value))

    extended: type[Validator] = validators.extend(  # type: ignore[no-untyped-call]
        Draft202012Validator, type_checker=usual.redefine("number", is_number)
    )
    return extended


def _passed(schema: Schema, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return *given* without optional arguments that are null, within lists of objects too."""
    required, known = schema.get("required", ()), schema["properties"]
    passed = {name: value for name, value in given.items() if value is not None or name in required}
    for name, value in passed.items():
        items = known.get(name, {}).get("items", {})
        if isinstance(value, list) and items.get("type") == "object":
            passed[name] = [_passed(items, item) if isinstance(item, dict) else item for item in value]
    return passed


def _filled(schema: Schema, passed: Mapping[str, Any]) -> dict[str, Any]:
    """Return *passed* with defaults; whole numbers are integers, however they were written."""
    filled = {name: about["default"] for name, about in schema["properties"].items() if "default" in about} | {
        name: int(value) if isinstance(value, float) and value.is_integer() else value for name, value in passed.items()
    }
    for name, about in schema["properties"].items():
        if about.get("items", {}).get("type") == "object":
            filled[name] = [_filled(about["items"], item) for item in passed.get(name, ())]
    return filled


def _unknown(name: str, known: Mapping[str, Any]) -> str:
    near = get_close_matches(name, known, 2, 0.5)
    meant = f"did you mean {' or '.join(near)}?" if near else f"the arguments are {', '.join(known) or 'none'}."
    return f"There is no argument {_shown(name)}; {meant}"


def _sentence(error: ValidationError) -> str:
    """Return what is wrong, in one sentence that ends with what to do."""
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path).lstrip(".")
    wanted: Any = error.validator_value
    instance: Any = error.instance
    if error.validator == "required":
        missing = [name for name in wanted if name not in instance]
        return f"{f'{where}: ' if where else ''}{', '.join(missing)} must be given."
    if error.validator == "additionalProperties":
        known: Any = error.schema
        extra = next(name for name in instance if name not in known["properties"])
        return f"{where}: {_unknown(extra, known['properties'])}"
    said = {
        "type": f"must be {'an' if str(wanted)[0] in 'aeio' else 'a'} {wanted}",
        "enum": f"must be one of {', '.join(wanted) if isinstance(wanted, list) else wanted}",
        "minimum": f"must be at least {wanted}",
        "maximum": f"must be at most {wanted}",
        "minLength": "must not be empty",
        "maxLength": f"must have at most {wanted} characters",
        "minItems": "must not be empty" if wanted == 1 else f"must have {wanted} at least",
    }.get(str(error.validator), "cannot be used")
    near = get_close_matches(str(error.instance), wanted, 1, 0.5) if error.validator == "enum" else []
    meant = f" Did you mean {near[0]}?" if near else ""
    return f"{where} {said}, not {_shown(error.instance)}.{meant}"


def _shown(value: object) -> str:
    shown = inert_line(repr(value))
    return shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}…"

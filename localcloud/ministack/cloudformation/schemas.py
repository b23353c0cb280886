"""Whether the properties of a resource are those of its type, in the words of CloudFormation's own check.

``resource_types.json`` holds the resource schemas that AWS publishes, cut down to the types that this cloud offers
(``scripts/resource_types.py`` writes it). A type that is not in it is checked by the service that offers it.
https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from localcloud.http.constraints import compiled_pattern

Schema = Mapping[str, Any]

_NAMES = {
    "array": "JSONArray",
    "boolean": "Boolean",
    "integer": "Integer",
    "number": "Number",
    "object": "JSONObject",
    "string": "String",
}


@functools.lru_cache(maxsize=1)
def resource_types() -> dict[str, Schema]:
    """The schemas by the name of their type (``AWS::SQS::Queue``)."""
    loaded: dict[str, Schema] = json.loads((Path(__file__).parent / "resource_types.json").read_text())
    return loaded


def complaint(type_name: str, logical_id: str, properties: Mapping[str, Any]) -> str | None:
    """Why CloudFormation does not take ``properties``, with every intrinsic resolved; None when it does."""
    schema = resource_types().get(type_name)
    if schema is None:
        return None
    read_only = {path.removeprefix("/properties/") for path in schema.get("readOnlyProperties", ())}
    writable = {name: each for name, each in schema["properties"].items() if name not in read_only}
    root = {"type": "object", "additionalProperties": False, **schema, "properties": writable}
    found = list(_violations(root, dict(properties), "#", schema))
    if not found:
        return None
    return f"Properties validation failed for resource {logical_id} with message:\n[{', '.join(found)}]"


def identifier(type_name: str) -> tuple[str, ...]:
    """The properties by which a resource of ``type_name`` is imported; empty for an unknown type."""
    paths = resource_types().get(type_name, {}).get("primaryIdentifier", ())
    return tuple(path.removeprefix("/properties/") for path in paths)


def recreation(type_name: str, name: str) -> str | None:
    """Whether a change of a property makes a new resource (``Always``); None for an unknown type."""
    schema = resource_types().get(type_name)
    if schema is None:
        return None
    path = f"/properties/{name}"
    if path in schema.get("createOnlyProperties", ()):
        return "Always"
    return "Conditionally" if path in schema.get("conditionalCreateOnlyProperties", ()) else "Never"


def _violations(schema: Schema, value: Any, path: str, root: Schema) -> Iterator[str]:
    while "$ref" in schema:
        schema = root["definitions"][schema["$ref"].rpartition("/")[2]]
    kinds = schema.get("type", ())
    expected = [kinds] if isinstance(kinds, str) else list(kinds)
    if expected and not any(_fits(kind, value) for kind in expected):
        yield f"{path}: expected type: {_NAMES[expected[0]]}, found: {_kind(value)}"
        return
    if isinstance(value, Mapping):
        if "object" in expected or "properties" in schema:
            yield from _of_object(schema, value, path, root)
    elif isinstance(value, list):
        yield from _of_list(schema, value, path, root)
    else:
        yield from _of_scalar(schema, value, path)
    for choice in ("anyOf", "oneOf"):
        branches = schema.get(choice)
        if branches and all(any(True for _ in _violations(each, value, path, root)) for each in branches):
            yield f"{path}: #: no subschema matched out of the total {len(branches)} subschemas"


def _of_object(schema: Schema, value: Mapping[str, Any], path: str, root: Schema) -> Iterator[str]:
    known = schema.get("properties", {})
    patterns = schema.get("patternProperties", {})
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{path}: required key [{name}] not found"
    for name, each in value.items():
        if name in known:
            yield from _violations(known[name], each, f"{path}/{name}", root)
            continue
        matching = [sub for pattern, sub in patterns.items() if _matches(pattern, str(name))]
        for sub in matching:
            yield from _violations(sub, each, f"{path}/{name}", root)
        if not matching and schema.get("additionalProperties") is False and (known or patterns):
            yield f"{path}: extraneous key [{name}] is not permitted"


def _of_list(schema: Schema, value: list[Any], path: str, root: Schema) -> Iterator[str]:
    if len(value) < schema.get("minItems", 0):
        yield f"{path}: expected minimum item count: {schema['minItems']}, found: {len(value)}"
    if len(value) > schema.get("maxItems", len(value)):
        yield f"{path}: expected maximum item count: {schema['maxItems']}, found: {len(value)}"
    if schema.get("uniqueItems") and len({json.dumps(each, sort_keys=True, default=str) for each in value}) < len(
        value
    ):
        yield f"{path}: array items are not unique"
    for position, each in enumerate(value):
        yield from _violations(schema.get("items", {}), each, f"{path}/{position}", root)


def _of_scalar(schema: Schema, value: Any, path: str) -> Iterator[str]:
    kinds = schema.get("type", ())
    text = str(value).lower() if isinstance(value, bool) else str(value)
    allowed = schema.get("enum")
    if allowed and text not in [str(each) for each in allowed]:
        yield f"{path}: {text} is not a valid enum value"
    if "const" in schema and text != str(schema["const"]):
        yield f"{path}: {text} is not a valid enum value"
    if kinds in ("integer", "number"):
        if float(value) < schema.get("minimum", float(value)):
            yield f"{path}: {text} is not greater or equal to {schema['minimum']}"
        if float(value) > schema.get("maximum", float(value)):
            yield f"{path}: {text} is not less or equal to {schema['maximum']}"
    elif "string" in kinds:
        if len(text) < schema.get("minLength", 0):
            yield f"{path}: expected minLength: {schema['minLength']}, actual: {len(text)}"
        if len(text) > schema.get("maxLength", len(text)):
            yield f"{path}: expected maxLength: {schema['maxLength']}, actual: {len(text)}"
        pattern = schema.get("pattern")
        if pattern and not _matches(pattern, text):
            yield f"{path}: string [{text}] does not match pattern {pattern}"


def _matches(pattern: str, text: str) -> bool:
    compiled = compiled_pattern(pattern)
    return compiled is None or compiled.search(text) is not None


def _fits(kind: str, value: Any) -> bool:
    """Whether ``value`` is of ``kind``, or becomes so: CloudFormation reads "60" as 60 and 60 as "60"."""
    if kind == "object":
        return isinstance(value, Mapping)
    if kind == "array":
        return isinstance(value, list)
    if kind == "string":
        return isinstance(value, str | int | float)
    if kind == "boolean":
        return isinstance(value, bool) or str(value).lower() in ("true", "false")
    if isinstance(value, bool):
        return False
    digits = r"[-+]?\d+" if kind == "integer" else r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?"
    return isinstance(value, str | int | float) and re.fullmatch(digits, str(value).removesuffix(".0")) is not None


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "Boolean"
    if isinstance(value, Mapping):
        return "JSONObject"
    if isinstance(value, list):
        return "JSONArray"
    return "String" if isinstance(value, str) else "Integer" if isinstance(value, int) else "Double"

"""Which values of a configuration its schema marks as secret: ``writeOnly: true`` or ``format: password``."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

Path = tuple[str | int, ...]
# Schemas may refer to themselves; a configuration is never as deep as this.
DEEPEST = 60
ALL_OF = ("allOf", "anyOf", "oneOf")


def secret_paths(schema: Any, config: Any) -> list[Path]:
    """Of the values that are there, each once, an outer one instead of those inside it.

    A mark counts in every branch of ``anyOf`` and the like, also in one that the value does not match: rather
    a secret too many. References are followed inside this schema alone.
    """
    found: set[Path] = set()
    _walk(schema, schema, config, (), found, DEEPEST)
    inside = {path for path in found if any(path[:length] in found for length in range(len(path)))}
    return sorted(found - inside, key=lambda path: tuple(map(str, path)))


def _walk(root: Any, schema: Any, value: Any, path: Path, found: set[Path], depth: int) -> None:
    if not isinstance(schema, dict) or depth == 0:
        return
    if path and (schema.get("writeOnly") is True or schema.get("format") == "password"):
        found.add(path)
        return
    if isinstance(reference := schema.get("$ref"), str):
        _walk(root, _referred(root, reference), value, path, found, depth - 1)
    for name in ALL_OF:
        branches = schema.get(name)
        for branch in branches if isinstance(branches, list) else ():
            _walk(root, branch, value, path, found, depth - 1)
    for name in ("if", "then", "else"):
        _walk(root, schema.get(name), value, path, found, depth - 1)
    if isinstance(value, dict):
        for key, each in value.items():
            for part in _of_property(schema, key):
                _walk(root, part, each, (*path, key), found, depth - 1)
    elif isinstance(value, list):
        items = schema.get("items")
        for index, each in enumerate(value):
            part = items
            if isinstance(items, list):
                part = items[index] if index < len(items) else schema.get("additionalItems")
            _walk(root, part, each, (*path, index), found, depth - 1)


def _of_property(schema: dict[str, Any], key: str) -> list[Any]:
    properties, patterns = schema.get("properties"), schema.get("patternProperties")
    parts = [properties[key]] if isinstance(properties, dict) and key in properties else []
    for pattern, part in patterns.items() if isinstance(patterns, dict) else ():
        if re.search(pattern, key):
            parts.append(part)
    return parts or [schema.get("additionalProperties")]


def _referred(root: Any, reference: str) -> Any:
    """None for what is not inside this file, which the schema's check refuses elsewhere."""
    if not reference.startswith("#"):
        return None
    found = root
    for step in reference[1:].strip("/").split("/") if reference.strip("#/") else ():
        name = unquote(step).replace("~1", "/").replace("~0", "~")
        if isinstance(found, list) and name.isdigit() and int(name) < len(found):
            found = found[int(name)]
        elif isinstance(found, dict):
            found = found.get(name)
        else:
            return None
    return found

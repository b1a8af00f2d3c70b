"""Which values of a configuration its schema marks as secret: ``writeOnly: true`` or ``format: password``."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

Path = tuple[str | int, ...]
Search = Callable[[str, str], object]
BRANCHES = ("allOf", "anyOf", "oneOf")


def secret_paths(schema: Any, config: Any, search: Search = re.search) -> list[Path]:
    """Of the values that are there, each once, an outer one instead of those inside it.

    A mark counts in every branch of ``anyOf`` and the like, also in one that the value does not match: rather
    a secret too many. References are followed inside this schema alone, also those that lead to themselves.
    A schema may make this take for ever, so hostile ones belong in a process with limits. ``search`` looks
    for a pattern in a name.
    """
    found: set[Path] = set()
    seen: set[tuple[int, Path]] = set()
    pending: list[tuple[Any, Any, Path]] = [(schema, config, ())]
    while pending:
        part, value, path = pending.pop()
        if not isinstance(part, dict) or (id(part), path) in seen:
            continue
        seen.add((id(part), path))
        if path and (part.get("writeOnly") is True or part.get("format") == "password"):
            found.add(path)
            continue
        pending += [(other, value, path) for other in _of_same_value(schema, part)]
        if isinstance(value, dict):
            for key, each in value.items():
                pending += [(other, each, (*path, key)) for other in _of_property(part, key, search)]
        elif isinstance(value, list):
            for index, each in enumerate(value):
                pending.append((_of_item(part, index), each, (*path, index)))
    inside = {path for path in found if any(path[:length] in found for length in range(len(path)))}
    return sorted(found - inside, key=lambda path: tuple(map(str, path)))


def _of_same_value(root: Any, schema: dict[str, Any]) -> list[Any]:
    parts = [schema.get(name) for name in ("if", "then", "else")]
    if isinstance(reference := schema.get("$ref"), str):
        parts.append(_referred(root, reference))
    for name in BRANCHES:
        branches = schema.get(name)
        parts += branches if isinstance(branches, list) else []
    return parts


def _of_item(schema: dict[str, Any], index: int) -> Any:
    items = schema.get("items")
    if not isinstance(items, list):
        return items
    return items[index] if index < len(items) else schema.get("additionalItems")


def _of_property(schema: dict[str, Any], key: str, search: Search) -> list[Any]:
    properties, patterns = schema.get("properties"), schema.get("patternProperties")
    parts = [properties[key]] if isinstance(properties, dict) and key in properties else []
    for pattern, part in patterns.items() if isinstance(patterns, dict) else ():
        if search(pattern, key):
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

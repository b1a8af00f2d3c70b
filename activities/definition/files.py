"""Reading a definition's files without trusting them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import yaml

from activities.definition.invalid import InvalidDefinition, Problem, one_line

LARGEST_JSON_BYTES = 1024 * 1024
# Reading YAML takes a hundred times as long, and a definition has some ten lines.
LARGEST_YAML_BYTES = 32 * 1024
DEEPEST = 50


class _Plain(yaml.SafeLoader):
    """Without aliases: one may stand for a tree that stands for a tree, a few lines that fill the memory."""

    _depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not allowed")
        self._depth += 1
        if self._depth > DEEPEST:
            raise yaml.YAMLError(f"it is nested more than {DEEPEST} levels deep")
        node = super().compose_node(parent, index)
        self._depth -= 1
        if isinstance(node, yaml.MappingNode):
            _refuse_twins(node)
        return node


def _refuse_twins(node: yaml.MappingNode) -> None:
    seen = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode):
            if key.value in seen:
                problem = f"the key {key.value[:80]!r} is there twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            seen.add(key.value)


def read_yaml(path: Path) -> dict[str, Any]:
    """A mapping; ``InvalidDefinition`` for anything else."""
    text = _text(path, LARGEST_YAML_BYTES)
    try:
        found = yaml.load(text, Loader=_Plain)
        _whole_characters(found)
    except yaml.MarkedYAMLError as error:
        raise _invalid(path, f"is not YAML: {_marked(error)}") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise _invalid(path, f"is not YAML: {one_line(error)}") from error
    if not isinstance(found, dict):
        raise _invalid(path, "is not a mapping of names to values")
    return {str(name): value for name, value in found.items()}


def read_json(path: Path) -> dict[str, Any]:
    """An object; ``InvalidDefinition`` for anything else, also for NaN, numbers that are too large, and
    a name that is there twice: which of the two is meant, nobody can tell."""
    text = _text(path, LARGEST_JSON_BYTES)
    try:
        found = json.loads(
            text, parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_without_twins
        )
        _refuse_depth(found)
        _whole_characters(found)
    except (ValueError, RecursionError) as error:
        raise _invalid(path, f"is not JSON: {one_line(error)}") from error
    if not isinstance(found, dict):
        raise _invalid(path, "is not a JSON object")
    return found


def _text(path: Path, largest: int) -> str:
    try:
        if path.exists() and not path.is_file():
            # Reading a pipe would wait for ever.
            raise _invalid(path, "is not a file")
        if path.stat().st_size > largest:
            raise _invalid(path, f"is larger than {largest} bytes")
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise _invalid(path, f"is missing in {path.parent}") from error
    except UnicodeDecodeError as error:
        raise _invalid(path, f"is not UTF-8 text: {one_line(error)}") from error
    except OSError as error:
        raise _invalid(path, f"cannot be read: {error.strerror}") from error


def _invalid(path: Path, reason: str) -> InvalidDefinition:
    return InvalidDefinition([Problem(file=path.name, field="", reason=reason)])


def _marked(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark
    place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return place + one_line(error.problem or error.context)


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:20]} is too large")
    return value


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {twice[:80]!r} is there twice")
    return found


def _refuse_depth(found: Any) -> None:
    level = [found]
    for _ in range(DEEPEST):
        level = [
            child
            for value in level
            if isinstance(value, dict | list)
            for child in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return
    raise ValueError(f"it is nested more than {DEEPEST} levels deep")


def _whole_characters(found: Any) -> None:
    """Half of a surrogate pair is no text: no terminal can print it and no server takes it. ValueError."""
    try:
        json.dumps(found, ensure_ascii=False, default=str, skipkeys=True).encode()
    except UnicodeEncodeError as error:
        raise ValueError("it has half of a character, an unpaired surrogate") from error

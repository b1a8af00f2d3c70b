"""Reading a definition's files without trusting them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft7Validator
from jsonschema.exceptions import SchemaError, best_match
from referencing import Registry
from referencing.exceptions import Unresolvable

from activities.definition.invalid import InvalidDefinition, Problem

LARGEST_BYTES = 1024 * 1024
DEEPEST = 50


class _NoAliases(yaml.SafeLoader):
    """An alias may stand for a tree that stands for a tree: a few lines that fill the memory."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not allowed")
        return super().compose_node(parent, index)


def read_yaml(path: Path) -> dict[str, Any]:
    """A mapping; ``InvalidDefinition`` for anything else."""
    text = _text(path)
    try:
        found = yaml.load(text, Loader=_NoAliases)
        _whole_characters(found)
    except yaml.MarkedYAMLError as error:
        raise _invalid(path, f"is not YAML: {_marked(error)}") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise _invalid(path, f"is not YAML: {_one_line(error)}") from error
    if not isinstance(found, dict):
        raise _invalid(path, "is not a mapping of names to values")
    return {str(name): value for name, value in found.items()}


def read_json(path: Path) -> dict[str, Any]:
    """An object; ``InvalidDefinition`` for anything else, also for NaN and numbers that are too large."""
    text = _text(path)
    try:
        found = json.loads(text, parse_constant=_refuse, parse_float=_finite)
        _whole_characters(found)
    except (ValueError, RecursionError) as error:
        raise _invalid(path, f"is not JSON: {_one_line(error)}") from error
    if not isinstance(found, dict):
        raise _invalid(path, "is not a JSON object")
    return found


def schema_problems(
    schema_file: Path,
    config_file: Path,
    config: dict[str, Any],
    secrets: Collection[tuple[str | int, ...]] = (),
) -> list[Problem]:
    """Draft-07, without ever fetching a remote reference. Of values at ``secrets`` no problem tells more than
    which rule they break."""
    schema = read_json(schema_file)
    try:
        Draft7Validator.check_schema(schema)
    except SchemaError as error:
        field = ".".join(str(part) for part in error.absolute_path)
        raise InvalidDefinition(
            [Problem(file=schema_file.name, field=field, reason=f"is no draft-07 schema: {error.message}")]
        ) from error
    validator = Draft7Validator(schema, registry=Registry())
    try:
        broken = sorted(validator.iter_errors(config), key=lambda found: list(map(str, found.absolute_path)))
    except Unresolvable as error:
        raise _invalid(schema_file, f"refers to what is not in this file: {_one_line(error)}") from error
    except RecursionError as error:
        raise _invalid(schema_file, "refers to itself without an end") from error
    except re.error as error:
        raise _invalid(schema_file, f"has a pattern that is none: {_one_line(error)}") from error
    problems = []
    for each in broken:
        cause = best_match([each]) or each
        place = tuple(cause.absolute_path)
        reason = _one_line(cause.message)
        # A message shows the value that it is about, and so does one about whatever the value is in.
        if any(path[: len(place)] == place[: len(path)] for path in secrets):
            reason = f"breaks the schema's rule {cause.validator!r}; the value is secret"
        problems.append(Problem(file=config_file.name, field=".".join(map(str, place)), reason=reason))
    return problems


def _text(path: Path) -> str:
    try:
        if path.exists() and not path.is_file():
            # Reading a pipe would wait for ever.
            raise _invalid(path, "is not a file")
        if path.stat().st_size > LARGEST_BYTES:
            raise _invalid(path, f"is larger than {LARGEST_BYTES} bytes")
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise _invalid(path, f"is missing in {path.parent}") from error
    except UnicodeDecodeError as error:
        raise _invalid(path, f"is not UTF-8 text: {_one_line(error)}") from error
    except OSError as error:
        raise _invalid(path, f"cannot be read: {error.strerror}") from error


def _invalid(path: Path, reason: str) -> InvalidDefinition:
    return InvalidDefinition([Problem(file=path.name, field="", reason=reason)])


def _one_line(error: object) -> str:
    return " ".join(str(error).split())[:300]


def _marked(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark
    place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return place + _one_line(error.problem or error.context)


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:20]} is too large")
    return value


def _whole_characters(found: Any) -> None:
    """Half of a surrogate pair is no text: no terminal can print it and no server takes it. ValueError."""
    try:
        json.dumps(found, ensure_ascii=False, default=str, skipkeys=True).encode()
    except UnicodeEncodeError as error:
        raise ValueError("it has half of a character, an unpaired surrogate") from error

"""Small bot directories for tests, written as a user would."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

NAMES = {"python3.11": "main.py", "nodejs20": "main.js"}


def write_bot(
    directory: Path,
    name: str,
    source: str | bytes,
    *,
    kind: str = "realtime",
    runtime: str = "python3.11",
    entrypoint: str = "",
    query: str = "",
    query_entrypoint: str = "",
    files: Mapping[str, str | bytes] = MappingProxyType({}),
    schema: dict[str, Any] | None = None,
    **config: Any,
) -> Path:
    """``query`` is the source of a query program, ``query_entrypoint`` one that is there already; ``files``
    are what else is in the directory. ``config`` is the rest of ``config.json``: ``schedule``, the bot's own
    parameters."""
    directory.mkdir(parents=True, exist_ok=True)
    entry = entrypoint or NAMES.get(runtime, "bot")
    (directory / entry).write_bytes(source.encode() if isinstance(source, str) else source)
    entrypoints = {"bot": entry}
    if query:
        entrypoints["query"] = f"query{Path(entry).suffix}"
        (directory / entrypoints["query"]).write_text(query)
    if query_entrypoint:
        entrypoints["query"] = query_entrypoint
    for path, data in files.items():
        (directory / path).write_bytes(data.encode() if isinstance(data, str) else data)
    definition: dict[str, Any] = {
        "name": name,
        "description": "of a test",
        "version": "1.0.0",
        "author": "tests",
        "type": kind,
        "runtime": runtime,
        "entrypoints": entrypoints,
    }
    if schema is not None:
        (directory / "bot-schema.json").write_text(json.dumps(schema))
        definition["schema"] = {"bot": "bot-schema.json"}
    (directory / "bot-config.yaml").write_text(yaml.safe_dump(definition))
    values = {"name": name, "type": f"{kind}/{name}", "version": "1.0.0", **config}
    (directory / "config.json").write_text(json.dumps(values))
    return directory

"""Small bot directories for tests, written as a user would."""

from __future__ import annotations

import json
from pathlib import Path
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
    schema: dict[str, Any] | None = None,
    **config: Any,
) -> Path:
    """``config`` is the rest of ``config.json``, such as ``schedule`` or the bot's own parameters."""
    directory.mkdir(parents=True, exist_ok=True)
    entry = entrypoint or NAMES.get(runtime, "bot")
    (directory / entry).write_bytes(source.encode() if isinstance(source, str) else source)
    entrypoints = {"bot": entry}
    if query:
        entrypoints["query"] = f"query{Path(entry).suffix}"
        (directory / entrypoints["query"]).write_text(query)
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

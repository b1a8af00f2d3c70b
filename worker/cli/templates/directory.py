"""A new bot directory: its definition around a template's program."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from worker.cli.templates import cpp, node, python, rust

KINDS = ("realtime", "scheduled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """``files`` are by kind. What has a ``tool`` is compiled by ``make`` before it can be deployed."""

    entry: str
    files: Mapping[str, Mapping[str, str]]
    query: str = ""
    tool: str = ""


TEMPLATES = {
    "python3.11": Template(entry="main.py", query="query.py", files=python.FILES),
    "nodejs20": Template(entry="main.js", query="query.js", files=node.FILES),
    "gcc13": Template(entry="bin/bot", files=cpp.FILES, tool="g++"),
    "rust-stable": Template(entry="bin/bot", files=rust.FILES, tool="rustc"),
}


def files_of(name: str, runtime: str, kind: str) -> dict[str, str]:
    """File names and contents."""
    template = TEMPLATES[runtime]
    query = f"  query: {template.query}\n" if template.query else ""
    definition = (
        f"name: {name}\ndescription: A counter, to begin with.\nversion: 0.1.0\nauthor: me\n"
        f"type: {kind}\nruntime: {runtime}\nentrypoints:\n  bot: {template.entry}\n{query}"
        "schema:\n  bot: bot-schema.json\n"
    )
    config: dict[str, object] = {"name": name, "type": f"{kind}/{name}", "version": "0.1.0"}
    properties: dict[str, object] = {}
    if kind == "scheduled":
        config |= {"schedule": "*/10 * * * * *", "timezone": "UTC"}
    elif not template.tool:
        config["pause"] = 1
        properties["pause"] = {"type": "number", "minimum": 0, "description": "seconds between counts"}
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }
    return {
        "bot-config.yaml": definition,
        "bot-schema.json": json.dumps(schema, indent=2) + "\n",
        "config.json": json.dumps(config, indent=2) + "\n",
        **template.files[kind],
    }

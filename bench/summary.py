"""One table of all results, made from their JSON, so that it cannot say anything else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

HEAD = """# Results

Written by `make bench`; what each measures, and how to read it, is in [../README.md](../README.md).

"""


def write(directory: Path, names: Sequence[str]) -> None:
    """``README.md`` of the directory, from those results that are there, in the order of ``names``."""
    found = {
        name: json.loads(path.read_text()) for name in names if (path := directory / f"{name}.json").exists()
    }
    goals = ["| goal | of | measured | at most | |", "|---|---|---|---|---|"]
    series = ["| series | of | unit | p50 | p99 | samples |", "|---|---|---|---|---|---|"]
    for name, result in found.items():
        for goal in result["goals"]:
            verdict = "reached" if goal["reached"] else "**missed**"
            value = f"{goal['value']:.4g} {goal['unit']}"
            goals.append(f"| {goal['what']} | {name} | {value} | {goal['limit']:g} | {verdict} |")
        for row in result["series"]:
            label = row["name"] + (" (floor)" if row["floor"] else "")
            numbers = f"{row['p50']:.4g} | {row['p99']:.4g} | {row['samples']}"
            series.append(f"| {label} | {name} | {result['unit']} | {numbers} |")
    pictures = [f"![{name}]({name}.svg)" for name in found]
    machines = sorted({_machine(result["machine"]) for result in found.values()})
    parts = [
        "\n".join(goals),
        "\n".join(series),
        "Measured on: " + "; ".join(machines) + ".",
        "\n".join(pictures),
    ]
    (directory / "README.md").write_text(HEAD + "\n\n".join(parts) + "\n")


def _machine(facts: dict[str, object]) -> str:
    """All but the load, which is another one in each result."""
    return (
        f"{facts['cores']} cores ({facts['architecture']}), {facts['memory_gib']} GiB, "
        f"Linux {facts['kernel']}, Python {facts['python']}"
    )

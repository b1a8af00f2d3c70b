"""Writing a tree into the state directory."""

from __future__ import annotations

import os
from pathlib import Path

from agent.clear_directory import clear
from agent.statelog.packs import PackReader
from agent.statelog.snapshot import stays_inside
from agent.statelog.tree import Node


def write(root: Path, nodes: list[Node], packs: PackReader) -> None:
    """Replace what is in ``root`` by the tree. A failure leaves a part: the caller must not use it."""
    clear(root)
    directories = [node for node in nodes if node.kind == "d"]
    for node in directories:
        (root / node.path).mkdir(parents=True, exist_ok=True)
    for node in nodes:
        if node.kind == "f":
            path = root / node.path
            with path.open("xb") as file:
                for chunk in node.chunks:
                    file.write(packs.read(chunk))
            path.chmod(node.mode)
            os.utime(path, ns=(node.mtime_ns, node.mtime_ns))
    for node in nodes:
        if node.kind == "l" and stays_inside(node.path, node.target):
            (root / node.path).symlink_to(node.target)
    # Last and deepest first: a directory without write permission could not be filled.
    for node in reversed(directories):
        (root / node.path).chmod(node.mode)

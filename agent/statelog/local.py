"""What an agent remembers between two commits: its epoch, the head it knows, and the stat cache."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from agent.statelog.snapshot import Stat


@dataclass(slots=True, kw_only=True)
class Local:
    """Kept beside the state, outside of it; lost or damaged only costs hashing or a fresh restore."""

    epoch: str
    generation: int
    tree: str = ""
    size: int = 0
    stats: dict[str, Stat] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Replace the file as a whole, so that a crash leaves the old or the new one."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(path.name + ".new")
        temporary.write_text(
            json.dumps([self.epoch, self.generation, self.tree, self.size, self.stats], separators=(",", ":"))
        )
        temporary.replace(path)


def load(path: Path) -> Local | None:
    """The remembered state, or None when there is none that can be understood."""
    try:
        epoch, generation, tree, size, stats = json.loads(path.read_text())
        known = {name: (int(s[0]), int(s[1]), int(s[2]), int(s[3])) for name, s in stats.items()}
        return Local(epoch=epoch, generation=generation, tree=tree, size=size, stats=known)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, IndexError, AttributeError):
        return None

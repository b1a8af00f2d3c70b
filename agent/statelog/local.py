"""What an agent remembers between two commits: its epoch, the head it knows, and the stat cache."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from agent.statelog.entry import Position
from agent.statelog.reading import Stat

# More than can be asked for, one every few seconds, in the time for which a store accepts a signed request.
CLAIMS = 1000


@dataclass(slots=True, kw_only=True)
class Local:
    """Kept beside the state, outside of it. Lost or damaged, the next start restores what was committed.

    ``nonce`` is that of the entry ``generation``. ``claiming`` are epochs that were asked for and
    may have been granted, or be so later: an answer can be lost, and a request be late.
    """

    epoch: str
    generation: int
    tree: str = ""
    size: int = 0
    stats: dict[str, Stat] = field(default_factory=dict)
    claiming: tuple[str, ...] = ()
    nonce: str = ""

    @property
    def at(self) -> Position:
        """What the next entry of this epoch follows."""
        return Position(self.generation, self.nonce)

    def wrote(self, epoch: str) -> bool:
        """Whether an entry of this epoch is ours."""
        return epoch == self.epoch or epoch in self.claiming

    def claims(self, epoch: str) -> None:
        """It is about to be asked for."""
        self.claiming = (*self.claiming, epoch)[-CLAIMS:]

    def save(self, path: Path) -> None:
        """Replace the file as a whole, so that a crash leaves the old or the new one."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(path.name + ".new")
        values = [self.epoch, self.generation, self.tree, self.size, self.stats, self.claiming, self.nonce]
        temporary.write_text(json.dumps(values, separators=(",", ":")))
        temporary.replace(path)


def load(path: Path) -> Local | None:
    """The remembered state, or None when there is none that can be understood."""
    try:
        epoch, generation, tree, size, stats, claiming, *later = json.loads(path.read_text())
        known = {name: (int(s[0]), int(s[1]), int(s[2]), int(s[3])) for name, s in stats.items()}
        return Local(
            epoch=epoch,
            generation=generation,
            tree=tree,
            size=size,
            stats=known,
            # Earlier versions remembered one.
            claiming=tuple(claiming) if isinstance(claiming, list) else (claiming,) if claiming else (),
            # Caches of earlier versions have none.
            nonce=later[0] if later else "",
        )
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, IndexError, AttributeError):
        return None

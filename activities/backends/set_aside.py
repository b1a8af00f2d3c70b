"""States that could not be saved, because another run had the bot's by then: kept, but out of the way."""

from __future__ import annotations

from pathlib import Path

from activities.backends.burial import bury
from activities.backends.layout import StateFiles

# Of each bot. Who wants one of them has heard of its place, and hosts have no end of disk.
KEPT = 3


def aside_of(root: Path, bot_id: str) -> Path:
    """Where those of a bot are, each in a directory of its own."""
    return root / "aside" / bot_id


def set_aside(root: Path, bot_id: str, name: str) -> str:
    """With the bot's lock held, and nothing of it running. The place, also when it was moved there before;
    empty when there is nothing."""
    place = aside_of(root, bot_id) / name
    state = StateFiles(directory=root / "state" / bot_id)
    if not place.exists():
        if not state.data.is_dir() or not any(state.data.iterdir()):
            return ""
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        state.data.rename(place)
    # What an agent remembers is of the files that are gone.
    for remembered in state.cache.glob("*"):
        remembered.unlink()
    for old in sorted(place.parent.iterdir(), key=lambda path: path.stat().st_ctime_ns)[:-KEPT]:
        bury(root, old)
    return str(place)

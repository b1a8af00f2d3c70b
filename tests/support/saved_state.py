"""What of a bot's state is in the store, whatever the bot has written meanwhile."""

from __future__ import annotations

import itertools
from pathlib import Path

from tests.support.stack import Stack

EXPORTS = itertools.count()


def saved_text(stack: Stack, bot: str, name: str, scratch: Path) -> str:
    """Of a state file of the SDK's directory in the newest version; empty when it is not there."""
    target = scratch / f"export-{next(EXPORTS)}"
    stack.run("state", "export", bot, str(target))
    file = target / ".the0-state" / name
    return file.read_text() if file.exists() else ""

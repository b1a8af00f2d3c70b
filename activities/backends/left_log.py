"""The log that an agent could not ship any more."""

from __future__ import annotations

from activities.backends.layout import ContainerFiles, state_files
from activities.backends.untrusted import read_json, size_of


def keep_log(files: ContainerFiles, bot_id: str, run_id: str, kind: str) -> None:
    """What of a bot's log its agent could not ship waits beside the state for the next agent."""
    if kind != "bot" or not size_of(files.directory, "var", "logs", "bot.log"):
        return
    shipped = read_json(files.directory, "var", "logs", "shipped.json") or {}
    if size_of(files.directory, "var", "logs", "bot.log") == shipped.get("offset"):
        return
    left = state_files(files.root, bot_id, files, kind).left_logs / run_id
    if left.parent.is_dir() and not left.exists():
        (files.var / "logs").rename(left)

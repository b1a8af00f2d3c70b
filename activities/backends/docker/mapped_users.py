"""Engines whose users are not this host's cannot run bots."""

from __future__ import annotations

from collections.abc import Mapping

from activities.errors import BackendRefused

OPTIONS = ("name=rootless", "name=userns")


def refuse_mapped_users(host: str, info: Mapping[str, object]) -> None:
    """``info`` is what the engine at ``host`` tells of itself; ``BackendRefused`` names the reason."""
    options = info.get("SecurityOptions")
    for option in options if isinstance(options, list) else ():
        for name in OPTIONS:
            if name in option:
                raise BackendRefused(
                    f"the engine at {host} maps users ({name}): bots could not write to the directories that "
                    "this host gives them"
                )

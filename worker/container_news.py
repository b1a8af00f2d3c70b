"""What an agent's status means to a workflow: pure."""

from __future__ import annotations

from collections.abc import Mapping

from activities.ports import ContainerState
from workflows.messages import ContainerNews

# While an agent is in one of these, the next phase is a matter of milliseconds.
TRANSIENT = frozenset({"", "starting", "downloading", "restoring"})

# A bot may be able to write its agent's status, and a history has to bear what it says.
LONGEST_MESSAGE = 2000


def phase_of(state: ContainerState) -> str:
    """The agent's phase, empty before its first word."""
    phase = (state.status or {}).get("phase")
    return phase if isinstance(phase, str) else ""


def news_of(state: ContainerState) -> ContainerNews | None:
    """None while there is nothing worth a history event."""
    phase = phase_of(state)
    if phase == "waiting_for_storage":
        return ContainerNews(run_id=state.run_id, phase=phase, message=_text(state.status, "message"))
    if phase != "running":
        return None
    sync = (state.status or {}).get("last_sync")
    if isinstance(sync, Mapping) and sync.get("ok") is False:
        message = f"runs, but its last sync failed: {_text(sync, 'message')}"
        return ContainerNews(run_id=state.run_id, phase=phase, message=message)
    return ContainerNews(run_id=state.run_id, phase=phase)


def _text(source: Mapping[str, object] | None, name: str) -> str:
    value = (source or {}).get(name)
    return value[:LONGEST_MESSAGE] if isinstance(value, str) else ""

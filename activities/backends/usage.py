"""What a container uses, with what its agent says of itself."""

from __future__ import annotations

from activities.ports import ContainerState, ContainerUsage


def usage_of(state: ContainerState, cpu_s: float, memory: int, at: float) -> ContainerUsage:
    """A bot may have written the status: what is not of its kind counts as nothing."""
    synced = (state.status or {}).get("last_sync")
    found = synced if isinstance(synced, dict) else {}
    when = found.get("at")
    return ContainerUsage(
        bot_id=state.bot_id,
        run_id=state.run_id,
        cpu_s=cpu_s,
        memory=memory,
        at=at,
        last_sync_at=float(when) if isinstance(when, int | float) else 0,
        last_sync_ok=bool(found.get("ok", True)),
    )

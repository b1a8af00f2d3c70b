"""Labels are the only registry of containers: what is not there is not known. None of them is secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from activities.ports import ContainerSpec

INSTALLATION = "durabot.installation"
NAME = "durabot.name"
BOT_ID = "durabot.bot_id"
RUN_ID = "durabot.run_id"
KIND = "durabot.kind"
STOP_GRACE = "durabot.stop_grace_s"
SYNC_BUDGET = "durabot.sync_budget_s"
# Before those of the specification, which belong to whoever starts containers.
GIVEN = "durabot.label."


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """What the labels of a container say. Times are in seconds."""

    name: str
    bot_id: str
    run_id: str
    kind: str
    stop_grace_s: float
    sync_budget_s: float
    labels: Mapping[str, str]


def labels_of(spec: ContainerSpec, installation: str) -> dict[str, str]:
    """The labels of a new container."""
    return {
        INSTALLATION: installation,
        NAME: spec.name,
        BOT_ID: spec.bot_id,
        RUN_ID: spec.run_id,
        KIND: spec.kind,
        STOP_GRACE: f"{spec.stop_grace_s:g}",
        SYNC_BUDGET: f"{spec.sync_budget_s:g}",
        **{f"{GIVEN}{name}": value for name, value in spec.labels.items()},
    }


def registered(labels: Mapping[str, str]) -> Registered | None:
    """None for labels that are not, or not wholly, of our making."""
    try:
        return Registered(
            name=labels[NAME],
            bot_id=labels[BOT_ID],
            run_id=labels[RUN_ID],
            kind=labels[KIND],
            stop_grace_s=float(labels[STOP_GRACE]),
            sync_budget_s=float(labels[SYNC_BUDGET]),
            labels={
                name.removeprefix(GIVEN): value for name, value in labels.items() if name.startswith(GIVEN)
            },
        )
    except (KeyError, ValueError):
        return None

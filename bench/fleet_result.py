"""What a fleet's steps say together: series in MiB, goals in their own units, the rest as facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, median

from bench.result import Goal, Result, Series
from bench.setup import Setup

CPU_LIMIT_PERCENT = 5
AGENT_LIMIT_MIB = 4
# The number of bots that the agent's goal is for.
AGENT_GOAL_AT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """``seconds`` until all ran, of which ``started`` were new. Memory in MiB, of each container by part;
    ``machine_mib`` is what the whole machine has less, for each bot, with all that serves them."""

    bots: int
    started: int
    seconds: float
    memory: Mapping[str, Sequence[float]]
    machine_mib: float
    cpu_percent: Mapping[str, float]

    @property
    def control_cpu_percent(self) -> float:
        """Of one core: worker and Temporal together."""
        return self.cpu_percent["worker"] + self.cpu_percent["temporal"]

    def told(self) -> str:
        """One line for who watches."""
        memory = ", ".join(f"{part} {median(values):.2f}" for part, values in self.memory.items())
        cpu = ", ".join(f"{part} {percent:.2f}" for part, percent in self.cpu_percent.items())
        return f"{self.bots} bots. MiB each: {memory}; machine {self.machine_mib:.1f}. % of a core: {cpu}"


@dataclass(slots=True)
class Found:
    """What is known so far, so that a limit on the way hides nothing. ``restarts`` below zero: it never came
    to the time without any."""

    steps: list[Step]
    limit: str = ""
    restarts: int = -1
    held_s: float = 0
    removed: int = 0
    removal_s: float = 0
    neighbour_overflows: int = 0


def result_of(setup: Setup, found: Found) -> Result:
    """``RuntimeError`` when not one step was reached."""
    steps = found.steps
    if not steps:
        raise RuntimeError(f"not one step was reached: {found.limit}")
    last = steps[-1]
    agent_step = next((step for step in steps if step.bots >= AGENT_GOAL_AT), last)
    goals = [
        Goal(
            what=f"worker and Temporal together, {last.bots} bots idle",
            value=last.control_cpu_percent,
            limit=CPU_LIMIT_PERCENT,
            unit="% of a core",
        ),
        Goal(
            what=f"agent, p50, {agent_step.bots} bots",
            value=median(agent_step.memory["agent"]),
            limit=AGENT_LIMIT_MIB,
            unit="MiB",
        ),
        Goal(
            what="bots that could not be started",
            value=max(setup.fleet) - last.bots,
            limit=0,
            unit="bots",
        ),
    ]
    if found.restarts >= 0:
        what = f"restarts of {last.bots} bots in {found.held_s:.0f} s"
        goals.append(Goal(what=what, value=found.restarts, limit=0, unit="restarts"))
    return Result(
        question=f"Memory of each of {', '.join(str(step.bots) for step in steps)} idle bots in containers",
        unit="MiB",
        series=[
            Series(name=f"{part}, {step.bots} bots", values=values, floor=part in ("bot", "shim", "kernel"))
            for step in steps
            for part, values in step.memory.items()
        ],
        goals=goals,
        facts={
            "limit": found.limit or "none",
            "overflows_of_the_kernel's_neighbour_table": found.neighbour_overflows,
            "steps": [
                {
                    "bots": step.bots,
                    "seconds_until_all_ran": step.seconds,
                    "starts_per_second": step.started / step.seconds,
                    "machine_mib_for_each_bot": step.machine_mib,
                    "mean_mib": {part: mean(values) for part, values in step.memory.items()},
                    "cpu_percent_of_a_core": dict(step.cpu_percent),
                }
                for step in steps
            ],
            "removal": {"bots": found.removed, "seconds": found.removal_s},
        },
    )

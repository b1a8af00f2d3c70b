"""When a realtime bot that ended is started again: a pure function of what happened."""

from __future__ import annotations

from dataclasses import dataclass

from activities.messages import HOST_STOPPED, ExitReport

FIRST_DELAY_S = 1.0
LARGEST_DELAY_S = 300.0
STABLE_S = 600.0
CRASH_LOOP_AFTER = 3
# Each delay is shortened by up to this share, so that bots which fell together do not rise together.
JITTER_SHARE = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartDecision:
    """Wait ``delay_s``, then start. ``failures`` is carried to the next decision."""

    delay_s: float
    failures: int
    crash_loop: bool


def ran_seconds(report: ExitReport, now: float) -> float:
    """How long user code ran, 0 if none did. Of a report that came late only its own instants count."""
    if report.started_at <= 0:
        return 0
    return max(0, (report.finished_at or now) - report.started_at)


def decide(report: ExitReport, failures: int, ran_s: float, chance: float) -> RestartDecision:
    """``failures`` counts the ends before this one since the bot last ran stably; ``chance`` is in [0, 1).

    A realtime bot is meant to run for good, so an end with code 0 counts like any other.
    """
    if report.cause == HOST_STOPPED:
        # The operator stopped the host, not the bot: it starts as soon as the host is back.
        return RestartDecision(delay_s=0, failures=failures, crash_loop=False)
    before = 0 if ran_s >= STABLE_S else failures
    delay = min(LARGEST_DELAY_S, FIRST_DELAY_S * 2 ** min(before, 30))
    return RestartDecision(
        delay_s=delay * (1 - JITTER_SHARE * chance),
        failures=before + 1,
        crash_loop=before + 1 >= CRASH_LOOP_AFTER,
    )

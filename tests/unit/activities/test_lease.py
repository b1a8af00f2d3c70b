"""A bot that was cut off has ended before its successor's user code begins."""

from __future__ import annotations

import pytest

from activities.bot_spec import BotSpec
from activities.lease import (
    LONGEST_INTERVAL_S,
    SHORTEST_LEASE_S,
    SYNCS_IN_A_LEASE,
    lease_s,
    quarantine_s,
    sync_interval_s,
)


def spec(**fields: float) -> BotSpec:
    return BotSpec(bot_id="b", runtime="python3.11", entrypoint="main.py", **fields)  # type: ignore[arg-type]  # numbers only


def test_without_failover_there_is_no_lease() -> None:
    bot = spec(sync_interval_s=20, sync_budget_s=7, stop_grace_s=3)
    assert (lease_s(bot), sync_interval_s(bot)) == (0, 20)
    assert quarantine_s(bot) > 20 + 7 + 3


@pytest.mark.parametrize("interval_s", [0.2, 10, 60, 86400])
@pytest.mark.parametrize("failover_s", [60, 300, 86400])
def test_who_has_no_store_ends_before_the_other_begins(failover_s: float, interval_s: float) -> None:
    bot = spec(failover_after_s=failover_s, sync_interval_s=interval_s, stop_grace_s=10)
    assert quarantine_s(bot) > lease_s(bot) + bot.stop_grace_s
    assert lease_s(bot) >= SHORTEST_LEASE_S
    assert sync_interval_s(bot) * SYNCS_IN_A_LEASE <= lease_s(bot)


def test_a_lease_costs_a_bot_no_sync_more_than_the_usual() -> None:
    assert sync_interval_s(spec(failover_after_s=60, sync_interval_s=5)) == 5
    assert sync_interval_s(spec(failover_after_s=60)) == spec().sync_interval_s == LONGEST_INTERVAL_S
    assert sync_interval_s(spec(failover_after_s=60, sync_interval_s=3600)) == LONGEST_INTERVAL_S

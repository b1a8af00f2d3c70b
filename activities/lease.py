"""How long a bot that was cut off may go on, and how long its successor waits for it: pure.

See docs/decisions/dead-hosts.md.
"""

from __future__ import annotations

from activities.bot_spec import BotSpec

# An answer of the store that is lost or late costs no lease.
SYNCS_IN_A_LEASE = 3
# A store that is restarted shall not stop bots, however often they sync.
SHORTEST_LEASE_S = 30.0
# Nor shall a bot that rarely syncs keep its successor waiting for hours.
LONGEST_INTERVAL_S = 60.0
# What an agent on a busy machine may be late by, in noticing and in ending its bot.
MARGIN_S = 10.0


def lease_s(spec: BotSpec) -> float:
    """After so long without the store an agent stops its bot; 0 for never, which is so without failover."""
    return max(SHORTEST_LEASE_S, sync_interval_s(spec) * SYNCS_IN_A_LEASE) if spec.failover_after_s else 0


def sync_interval_s(spec: BotSpec) -> float:
    """With each sync an agent learns whether another run has claimed the state, and renews its lease: the
    lease follows the syncs, so that it costs none."""
    return min(spec.sync_interval_s, LONGEST_INTERVAL_S) if spec.failover_after_s else spec.sync_interval_s


def quarantine_s(spec: BotSpec) -> float:
    """From the successor's claim until a former run, if there is one, has ended: it learns of the claim at
    its next sync, or has no store and ends with its lease. Without a lease only the first is certain."""
    learns = lease_s(spec) or spec.sync_interval_s + spec.sync_budget_s
    return learns + spec.stop_grace_s + MARGIN_S

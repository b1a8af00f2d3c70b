"""Which host a bot gets: a pure function of what the hosts report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from activities.host_messages import LOST, READY, HostReport
from activities.messages import PlaceBot

ALL_FULL = "all hosts are full"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """``host`` is empty when none fits, and ``reason`` says why. ``final``: only an operator can change it;
    else a host may come back by itself."""

    host: str = ""
    reason: str = ""
    final: bool = False


def choose(need: PlaceBot, hosts: Sequence[HostReport]) -> Choice:
    """A bot stays where it is while it can, also while that host is away: its worker may be back in a moment,
    and only an operator knows whether it is gone. Else the host with the largest free share of what the bot
    asks for, then with the fewest bots, then the first by name. One that can go nowhere starts on a drained
    host where it has its place."""
    known = {host.host: host for host in hosts}
    if need.host:
        return _pinned(need, known.get(need.host))
    former = known.get(need.former) or next((host for host in hosts if _has_place(need, host)), None)
    if former and not need.passing and _has_place(need, former):
        # Elsewhere a bot would go on without what its former host could not save.
        if need.unsaved or need.bound or need.bot_id in former.unsaved:
            return Choice(host=former.host)
        if not former.drained and need.leave != former.host and not _lacking(need, former):
            return Choice(host=former.host)
    choice = _elsewhere(need, hosts, former)
    stays = former and not need.passing and _has_place(need, former) and need.leave != former.host
    if not choice.host and former and stays and not _lacking(need, former):
        return Choice(host=former.host)
    return choice


def _elsewhere(need: PlaceBot, hosts: Sequence[HostReport], former: HostReport | None) -> Choice:
    ready = [host for host in hosts if host.phase == READY and not host.dead]
    if not ready:
        return Choice(reason="no host is ready" + _told([_absence(host) for host in hosts]))
    labelled = [host for host in ready if not _lacking(need, host)]
    if not labelled:
        wanted = ", ".join(f"{name}={value}" for name, value in sorted(need.labels.items()))
        return Choice(reason=f"no host has label {wanted}", final=True)
    open_ = [host for host in labelled if not host.drained and host.host != need.leave]
    if not open_:
        drained = ", ".join(sorted(host.host for host in labelled if host.drained))
        but = f" but {need.leave}" if need.leave else ""
        why = f", because all that would do are drained: {drained}" if drained else ""
        return Choice(reason=f"no host takes bots{but}{why}", final=True)
    fitting = [host for host in open_ if not _full(need, host)]
    if not fitting:
        full = "; ".join(f"{host.host} ({_full(need, host)})" for host in open_)
        return Choice(reason=f"{ALL_FULL}: {full}", final=True)
    if former and former in fitting and not need.passing:
        return Choice(host=former.host)
    return Choice(host=min(fitting, key=lambda host: (-_free_share(need, host), host.bots, host.host)).host)


def with_bot(host: HostReport, need: PlaceBot) -> HostReport:
    """The report after this bot has got its place there."""
    if need.bot_id in host.held:
        return host
    return replace(
        host,
        bots=host.bots + 1,
        memory_mb=host.memory_mb + need.memory_mb,
        cpu=host.cpu + need.cpu,
        held=[*host.held, need.bot_id],
    )


def _pinned(need: PlaceBot, host: HostReport | None) -> Choice:
    if host is None:
        return Choice(reason=f"there is no host {need.host}, to which its configuration pins it", final=True)
    pinned = f"its configuration pins it to host {host.host}"
    if need.leave == host.host:
        return Choice(reason=pinned, final=True)
    if _given_up(need, host):
        return Choice(reason=f"{pinned}, which is given up as dead", final=True)
    if need.bot_id in host.held:
        return Choice(host=host.host)
    if host.drained:
        return Choice(reason=f"{pinned}, which is drained", final=True)
    if full := _full(need, host):
        return Choice(reason=f"{pinned}, which is full: {full}", final=True)
    return Choice(host=host.host)


def _has_place(need: PlaceBot, host: HostReport) -> bool:
    return need.bot_id in host.held and not _given_up(need, host)


def _given_up(need: PlaceBot, host: HostReport) -> bool:
    return host.dead or need.bot_id in host.given_up


def _absence(host: HostReport) -> str:
    if host.dead:
        return f"{host.host} is declared dead"
    return f"{host.host} is lost" if host.phase == LOST else f"{host.host} has not reported yet"


def _told(causes: list[str]) -> str:
    return f": {', '.join(causes)}" if causes else " to run it"


def _lacking(need: PlaceBot, host: HostReport) -> bool:
    return any(host.labels.get(name) != value for name, value in need.labels.items())


def _full(need: PlaceBot, host: HostReport) -> str:
    """What does not fit; empty when all does, and for a query, which is over soon and takes no place."""
    capacity = host.capacity
    if need.passing:
        return ""
    if capacity.bots and host.bots >= capacity.bots:
        return f"{host.bots} of {capacity.bots} bots"
    free_mb, free_cpu = capacity.memory_mb - host.memory_mb, capacity.cpu - host.cpu
    if capacity.strict_memory and need.memory_mb > free_mb:
        return f"{max(0, free_mb)} MB of {capacity.memory_mb} MB memory free, {need.memory_mb} MB asked for"
    if capacity.strict_cpu and need.cpu > free_cpu + 1e-9:
        return f"{max(0.0, free_cpu):g} of {capacity.cpu:g} CPUs free, {need.cpu:g} asked for"
    return ""


def _free_share(need: PlaceBot, host: HostReport) -> float:
    """Of what the bot asks for; 0 everywhere for one that asks for nothing: the fewest bots decide then."""
    capacity = host.capacity
    shares = []
    if need.memory_mb and capacity.memory_mb:
        shares.append(1 - (host.memory_mb + need.memory_mb) / capacity.memory_mb)
    if need.cpu and capacity.cpu:
        shares.append(1 - (host.cpu + need.cpu) / capacity.cpu)
    return min(shares, default=0)

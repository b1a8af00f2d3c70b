"""The instants at which the real server fires what a cron expression became, over clock changes too."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from activities.bot_spec import BotSpec
from activities.errors import NotFound
from tests.support.flow_host import FlowHost, Play
from worker.control.schedule_instants import next_instants
from worker.control.schedule_spec import schedule_of

CASES = [
    ("* * * * *", "UTC", "2027-01-01T00:00:00.5", ["01-01T00:01:00", "01-01T00:02:00", "01-01T00:03:00"]),
    ("*/20 * * * * *", "UTC", "2027-01-01T00:00:00.5", ["01-01T00:00:20", "01-01T00:00:40"]),
    # In the bot's zone: another day there than here.
    ("0 1 * * *", "Asia/Tokyo", "2027-05-01T15:59:00.5", ["05-01T16:00:00", "05-02T16:00:00"]),
    # Spring: 02:30 does not exist in Berlin on March 28th, and 03:00 comes an hour sooner.
    ("30 2 * * *", "Europe/Berlin", "2027-03-27T02:00:00.5", ["03-29T00:30:00", "03-30T00:30:00"]),
    ("0 3 * * *", "Europe/Berlin", "2027-03-27T03:00:00.5", ["03-28T01:00:00", "03-29T01:00:00"]),
    # Autumn: 02:30 comes twice on October 31st and counts once.
    ("30 2 * * *", "Europe/Berlin", "2027-10-30T12:00:00.5", ["10-31T01:30:00", "11-01T01:30:00"]),
    # Either of day and weekday.
    ("0 0 13 * 5", "UTC", "2027-08-10T00:00:00.5", ["08-13T00:00:00", "08-20T00:00:00", "08-27T00:00:00"]),
    ("0 12 31 */2 *", "UTC", "2027-01-01T00:00:00.5", ["01-31T12:00:00", "03-31T12:00:00", "05-31T12:00:00"]),
    ("0 9-17/4 * jan mon-fri", "UTC", "2027-01-29T10:00:00.5", ["01-29T13:00:00", "01-29T17:00:00"]),
    ("@every 1h30m", "UTC", "2027-01-01T00:00:00.5", ["01-01T01:30:00", "01-01T03:00:00"]),
]  # fmt: skip


async def schedule(host: FlowHost, expression: str, zone: str) -> str:
    spec = BotSpec(
        bot_id=f"s{uuid4().hex[:8]}",
        runtime="python3.11",
        entrypoint="main.py",
        bot_type="scheduled",
        schedule=expression,
        timezone=zone,
    )
    described = schedule_of(spec, host.task_queue, paused=True, note="of a test")
    await host.client.create_schedule(f"bot/{spec.bot_id}", described)
    return spec.bot_id


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_instants(play: Play) -> None:
    async def of(host: FlowHost, expression: str, zone: str, after: str, expected: list[str]) -> None:
        bot_id = await schedule(host, expression, zone)
        found = await next_instants(host.client, bot_id, zone, utc(after), len(expected))
        shown = [f"{instant.astimezone(UTC):%m-%dT%H:%M:%S}" for instant in found]
        assert (expression, zone, shown) == (expression, zone, expected)

    async def scenario(host: FlowHost) -> None:
        await asyncio.gather(*(of(host, *case) for case in CASES))

    play(scenario)


def test_they_are_told_in_the_bots_zone_however_many_and_however_far(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        daily = await schedule(host, "0 9 * * *", "America/New_York")
        [first] = await next_instants(host.client, daily, "America/New_York", utc("2027-07-01T00:00:00.5"), 1)
        assert first.isoformat() == "2027-07-01T09:00:00-04:00"
        leap = await schedule(host, "0 0 29 2 *", "UTC")
        far = await next_instants(host.client, leap, "UTC", utc("2027-01-01T00:00:00.5"), 5)
        assert [instant.year for instant in far] == [2028, 2032, 2036, 2040, 2044]
        each_second = await schedule(host, "* * * * * *", "UTC")
        many = await next_instants(host.client, each_second, "UTC", utc("2027-01-01T00:00:00.5"), 9000)
        assert len(set(many)) == 9000
        assert (many[-1] - many[0]).total_seconds() == 8999
        with pytest.raises(NotFound):
            await next_instants(host.client, "nobody", "UTC", utc("2027-01-01T00:00:00"), 1)

    play(scenario)

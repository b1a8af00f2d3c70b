"""When a schedule fires next, asked of the server: only it knows how it counts hours that clocks repeat."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from temporalio.api.workflowservice.v1 import ListScheduleMatchingTimesRequest
from temporalio.client import Client

from worker.control.calls import temporal_calls
from workflows import ids

FIRST_SPAN = timedelta(hours=1)
# The server lists no more at once. Leap days that are Mondays are 28 years apart.
SERVERS_LIMIT = 1000
HORIZON = timedelta(days=366 * 40)


async def next_instants(
    client: Client, bot_id: str, zone: str, after: datetime, count: int
) -> list[datetime]:
    """In the bot's zone, jitter included; also of a paused schedule. Fewer when there are no more."""
    found: list[datetime] = []
    begin, span = after, FIRST_SPAN
    with temporal_calls(bot_id):
        while len(found) < count and begin < after + HORIZON:
            request = ListScheduleMatchingTimesRequest(
                namespace=client.namespace, schedule_id=ids.schedule_id(bot_id)
            )
            request.start_time.FromDatetime(begin)
            request.end_time.FromDatetime(begin + span)
            answer = await client.workflow_service.list_schedule_matching_times(request)
            times = [time.ToDatetime(tzinfo=UTC) for time in answer.start_time]
            found += times
            # What begins a span is not in it.
            begin = times[-1] if len(times) >= SERVERS_LIMIT else begin + span
            span *= 4
    return [time.astimezone(ZoneInfo(zone)) for time in found[:count]]

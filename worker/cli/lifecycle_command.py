"""What start, stop, restart and delete have in common: one verb on one bot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from worker.cli.output import emit
from worker.cli.session import with_client
from worker.settings import Settings

if TYPE_CHECKING:
    from temporalio.client import Client

    from worker.control.lifecycle import Done


def apply(verb: str, bot_id: str, data_dir: Path | None, as_json: bool) -> Done:
    """Answers when it is done."""

    async def work(settings: Settings, client: Client) -> Done:
        from worker.control.lifecycle import Lifecycle

        lifecycle = Lifecycle(client)
        action = {
            "start": lifecycle.start,
            "stop": lifecycle.stop,
            "restart": lifecycle.restart,
            "delete": lifecycle.delete,
        }[verb]
        return await action(bot_id)

    done = with_client(data_dir, as_json, work)
    emit(done, as_json, lambda: print(f"{done.bot_id}: {done.message}"))
    return done

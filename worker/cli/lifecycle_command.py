"""What start, stop, restart and delete have in common: one verb on one bot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from worker.cli.output import emit, fail
from worker.cli.progress import told
from worker.cli.session import with_client
from worker.settings import Settings
from workflows import messages
from workflows.outcome import unsaved

if TYPE_CHECKING:
    from temporalio.client import Client

    from worker.control.lifecycle import Done


def apply(verb: str, bot_id: str, data_dir: Path | None, as_json: bool) -> Done:
    """Answers when it is done. Exit code 1 when the bot does not do what was asked of it."""

    async def work(settings: Settings, client: Client) -> Done:
        from worker.control.lifecycle import Lifecycle

        lifecycle = Lifecycle(client)
        action = {
            "start": lifecycle.start,
            "stop": lifecycle.stop,
            "restart": lifecycle.restart,
            "delete": lifecycle.delete,
        }[verb]
        return await told(client, bot_id, action(bot_id), quiet=as_json)

    done = with_client(data_dir, as_json, work)
    if step := trouble(verb, done):
        if as_json:
            emit(done, as_json, lambda: None)
        fail(f"{bot_id}: {done.message}", code="not_done", next_step=step, as_json=as_json)
    emit(done, as_json, lambda: print(f"{done.bot_id}: {done.message}"))
    return done


def trouble(verb: str, done: Done) -> str:
    """The next step when what was asked did not come about; empty when it did."""
    if done.status is None:
        return ""
    if verb in ("start", "restart") and done.status.phase != messages.RUNNING:
        return f"`durabot logs {done.bot_id}` shows what it printed, `durabot status {done.bot_id}` the rest"
    last = done.status.last_exit
    if verb == "stop" and last is not None and unsaved(last):
        return f"`durabot doctor` checks the store; `durabot start {done.bot_id}` saves what is on its disk"
    return ""

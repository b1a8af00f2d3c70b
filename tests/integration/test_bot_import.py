"""A realtime bot while another state is imported: as with a rollback."""

from __future__ import annotations

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from tests.support.flow_host import FlowHost, Play, in_phase, update
from workflows import messages
from workflows.messages import ImportArchive


def test_an_import_stops_brings_in_and_starts_again(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        bot = await host.bot(host.spec(max_state_mb=7))
        await update(bot, "start")
        back = await update(bot, "import_state", ImportArchive(key="b/imports/x.tar.gz"))
        assert (back.phase, back.starts) == (messages.RUNNING, 2)
        [request] = host.imports
        assert (request.key, request.max_state_mb) == ("b/imports/x.tar.gz", 7)
        assert host.running_at_rollback == []
        await update(bot, "stop")
        still = await update(bot, "import_state", ImportArchive(key="k"))
        assert (still.phase, len(host.imports)) == (messages.STOPPED, 2)

    play(scenario)


def test_an_import_that_fails_says_why_and_the_bot_goes_on(play: Play) -> None:
    async def scenario(host: FlowHost) -> None:
        bot = await host.bot()
        await update(bot, "start")
        with pytest.raises(WorkflowUpdateFailedError) as failed:
            await update(bot, "import_state", ImportArchive(key="k"))
        assert isinstance(failed.value.cause, ApplicationError)
        assert "not imported: damaged archive" in failed.value.cause.message
        assert failed.value.cause.type == "restore_failed"
        assert (await in_phase(bot, messages.RUNNING)).starts == 2

    play(
        scenario,
        rollback_error=ApplicationError("damaged archive", type="restore_failed", non_retryable=True),
    )

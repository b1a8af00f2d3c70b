"""When start, restart and stop are failures: the exit code that scripts rely on."""

from __future__ import annotations

import pytest

from activities.bot_spec import BotSpec
from activities.messages import ExitReport
from worker.cli.lifecycle_command import trouble
from worker.control.lifecycle import Done
from workflows import messages
from workflows.messages import BotStatus

SPEC = BotSpec(bot_id="b", runtime="python3.11", entrypoint="main.py")


def done(phase: str, final_sync: str = "") -> Done:
    last = ExitReport(final_sync=final_sync) if final_sync else None
    status = BotStatus(spec=SPEC, phase=phase, message="", desired=messages.RUNNING, last_exit=last)
    return Done(bot_id="b", message="", status=status)


@pytest.mark.parametrize(
    ("verb", "result", "step"),
    [
        ("start", done(messages.RUNNING), ""),
        ("start", done(messages.RUNNING, "failed"), ""),
        ("start", done(messages.CRASH_LOOP), "`durabot logs b`"),
        ("restart", done(messages.WAITING_FOR_STORAGE), "`durabot logs b`"),
        ("stop", done(messages.STOPPED, "ok"), ""),
        ("stop", done(messages.STOPPED), ""),
        ("stop", done(messages.STOPPED, "failed"), "`durabot doctor`"),
        ("delete", done(messages.DELETED, "ok"), ""),
        ("start", Done(bot_id="b", message="its schedule is active"), ""),
    ],
)
def test_the_next_step_of_what_did_not_come_about(verb: str, result: Done, step: str) -> None:
    assert trouble(verb, result).startswith(step)
    assert bool(trouble(verb, result)) is bool(step)

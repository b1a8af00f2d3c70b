"""``execute --query-server-only``: the saved state and the query process alone, without the bot."""

from __future__ import annotations

import os
import signal

from agent import processes, storage
from agent.forked import guarded
from agent.options import Options
from agent.status import Status, log_record


def run(environment: dict[str, str]) -> int:
    """Until the query process ends or SIGTERM comes; nothing is claimed and nothing is saved."""
    processes.become_init()
    options = Options(environment)
    status = Status(options)
    plan = guarded(lambda: storage.prepare(environment, status.show, query=False, claim=False))
    if "failed" not in plan and not plan["server_argv"]:
        plan = {"failed": "configuration", "exit_code": 1, "message": "QUERY_ENTRYPOINT is not set"}
    if "failed" in plan:
        log_record(options, "ERROR", str(plan["message"]))
        code = plan["exit_code"]
        return code if isinstance(code, int) else 1
    pid = processes.spawn(
        plan["server_argv"],  # type: ignore[arg-type]  # made by storage.prepare
        plan["environment"],  # type: ignore[arg-type]  # likewise
        str(plan["code_path"]),
        options.log_file,
    )
    status.show("running")
    killed = False
    while True:
        found = signal.sigtimedwait(processes.WAITED_FOR, options.stop_grace if killed else 3600)
        if found is None and killed:
            processes.kill_session(pid)
        elif found is not None and found.si_signo != signal.SIGCHLD:
            killed = True
            processes.signal_process(pid, signal.SIGTERM)
        ended, wait_status = os.waitpid(pid, os.WNOHANG)
        if ended:
            processes.kill_session(pid)
            processes.kill_children()
            return processes.exit_code(wait_status)

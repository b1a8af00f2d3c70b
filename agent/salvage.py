"""What a run that was killed has left on this disk: saved without its bot, by the epoch that the run had."""

from __future__ import annotations

import time

from agent import contract as contracts
from agent import log_segments, processes
from agent.errors import AgentError, StoreUnavailable
from agent.forked import Result, guarded
from agent.options import Options
from agent.posix_signals import signal
from agent.statelog.last_saved import last_saved
from agent.status import Status
from agent.storage import Storage

FIRST_WAIT_S = 0.2
LARGEST_WAIT_S = 10.0
# Causes of an end without success; other failures are plain errors.
CAUSES = {"fenced": "fenced", "nothing_left": "gone"}


def run(environment: dict[str, str]) -> int:
    """Waits for a store that is away, until SIGTERM. User code is not even downloaded."""
    processes.become_init()
    # What describes the program is of no use here, and so is not told.
    environment = {**environment, "RUNTIME": "python3.11", "ENTRYPOINT": "main.py"}
    options = Options(environment)
    status = Status(options)
    status.show("salvaging")
    begun = time.monotonic()
    report: Result = {
        "exit_code": 0,
        "cause": "exited",
        "message": "",
        "final_sync": "ok",
        "run_id": options.run_id,
    }
    result = _saved(environment, options, status)
    if "failed" in result:
        cause = CAUSES.get(str(result["failed"]), str(result.get("cause", "error")))
        code = result["exit_code"] or 1
        report |= {"exit_code": code, "cause": cause, "message": result["message"], "final_sync": "failed"}
        report |= _remaining(environment, options)
    else:
        report |= {"generation_after": result["generation"], "uploaded_bytes": result["uploaded_bytes"]}
    report |= _ship_logs(environment, options)
    report["durations"] = {"salvage": time.monotonic() - begun}
    status.report(report)
    found = report["exit_code"]
    return found if isinstance(found, int) else 1


def _saved(environment: dict[str, str], options: Options, status: Status) -> Result:
    pause = FIRST_WAIT_S
    while True:
        result = guarded(lambda: _save(environment, options))
        if "failed" not in result or not result["retryable"]:
            return result
        if result["failed"] != StoreUnavailable.code and pause >= LARGEST_WAIT_S:
            # Nobody writes to the files of a dead bot: what does not come right by itself never will.
            return result
        status.show("waiting_for_storage", f"waits to save what its container left: {result['message']}")
        found = signal.sigtimedwait(processes.WAITED_FOR - {signal.SIGCHLD}, pause)
        if found is not None:
            message = f"stopped before it was saved: {result['message']}"
            return {**result, "cause": "signal", "exit_code": 143, "message": message}
        pause = min(pause * 2, LARGEST_WAIT_S)


def _save(environment: dict[str, str], options: Options) -> Result:
    storage = Storage(environment, options, contracts.read(environment))
    try:
        done = storage.state_log().salvage()
    finally:
        storage.store.close()
    return {"generation": done.generation, "uploaded_bytes": done.uploaded_bytes}


def _remaining(environment: dict[str, str], options: Options) -> Result:
    """The last that the store has; nothing where it does not say so at once."""
    contract = contracts.read(environment)
    try:
        storage = Storage(environment, options, contract)
    except AgentError:
        return {}
    try:
        generation, instant = last_saved(storage.store, storage.state_bucket, contract.bot_id)
        return {"last_generation": generation, "last_saved_at": instant}
    except AgentError:
        return {}
    finally:
        storage.store.close()


def _ship_logs(environment: dict[str, str], options: Options) -> Result:
    """Each is tried once: the next start tries again."""

    def ship() -> Result:
        contract = contracts.read(environment)
        storage = Storage(environment, options, contract)
        try:
            shipped = log_segments.ship_left(storage.store, storage.logs_bucket, contract.bot_id, options)
        finally:
            storage.store.close()
        return {"shipped": shipped}

    found = guarded(ship)
    shipped = found.get("shipped")
    if not isinstance(shipped, dict) or options.run_id not in shipped:
        return {}
    key, segments = shipped[options.run_id]
    return {"log_key": key, "log_segments": segments}

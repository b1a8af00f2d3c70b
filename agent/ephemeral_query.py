"""One query of a bot's saved state: restore, run the query once, hand over its result. Nothing is claimed."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

from agent import contract as contracts
from agent import processes, storage
from agent.errors import AgentError, StoreUnavailable
from agent.last_words import last_words
from agent.options import QUERY_DIR, Options
from agent.runtimes import REDIRECTED
from agent.status import Status, log_record

INLINE_BYTES = 256 * 1024
LARGEST_BYTES = 32 * 1024 * 1024
LAST_WORDS_BYTES = 16 * 1024
LONGEST_MESSAGE = 2000
TIMEOUT_EXIT = 124
KILL_AGAIN_S = 1.0


def run(environment: dict[str, str]) -> int:
    """The exit code of the query; its result is in the report, also when that code is not 0."""
    processes.become_init()
    options = Options(environment)
    status = Status(options)
    report: dict[str, object] = {
        "exit_code": 1,
        "cause": "error",
        "message": "",
        "final_sync": "skipped",
        "started_at": None,
        "durations": {},
        "run_id": options.run_id,
    }
    try:
        plan = storage.prepare(environment, status.show, query=True, claim=False)
        report["generation_before"] = plan["generation"]
        report["durations"] = plan["durations"]
        report["started_at"] = time.time()
        answers = Path(options.run_dir) / "query.out"
        code, cause, message = _run_once(plan, answers, options)
        report |= {"exit_code": code, "cause": cause, "message": message}
        report |= _result(environment, options, answers)
        if code and not message:
            report["message"] = _last_words(options)
        if not report.get("query_result") and not report.get("query_result_key"):
            words = (str(report["message"]), _without_place(options, environment))
            report["message"] = "; ".join(filter(None, words))
    except AgentError as error:
        cause = "config" if error.code in ("configuration", "config", "bad_code") else error.code
        report |= {"exit_code": error.exit_code, "cause": cause, "message": str(error)}
        log_record(options, "ERROR", str(error))
    except OSError as error:
        # This machine's fault, such as a full disk, and not the query's.
        report |= {"exit_code": 1, "cause": "error", "message": f"{type(error).__name__}: {error}"}
        log_record(options, "ERROR", str(report["message"]))
    status.report(report)
    code_now = report["exit_code"]
    return code_now if isinstance(code_now, int) else 1


def _run_once(plan: dict[str, object], answers: Path, options: Options) -> tuple[int, str, str]:
    """stdout is kept apart: older SDKs print their result there. stderr is the log."""
    answers.unlink(missing_ok=True)
    timeout = options.query_timeout
    argv: list[str] = plan["argv"]  # type: ignore[assignment]  # made by storage.prepare
    environment: dict[str, str] = plan["environment"]  # type: ignore[assignment]  # likewise
    pid = processes.spawn(argv, environment, str(plan["code_path"]), str(answers), options.log_file)
    deadline = time.monotonic() + timeout
    outcome = ("exited", "")
    while True:
        found = signal.sigtimedwait(processes.WAITED_FOR, max(0.0, deadline - time.monotonic()))
        if outcome[0] == "exited":
            if found is None:
                outcome = ("timeout", f"the query did not end within {timeout:g} s")
            elif found.si_signo != signal.SIGCHLD:
                outcome = ("signal", "the query was stopped")
        if outcome[0] != "exited":
            processes.kill_child(pid)
            deadline = time.monotonic() + KILL_AGAIN_S
        ended, wait_status = os.waitpid(pid, os.WNOHANG)
        if ended:
            break
    processes.kill_session(pid)
    processes.kill_children()
    code = TIMEOUT_EXIT if outcome[0] == "timeout" else processes.exit_code(wait_status)
    return code, *outcome


def _result(environment: dict[str, str], options: Options, answers: Path) -> dict[str, object]:
    """The result file, else the last line of stdout that is a JSON object with a ``status`` (older SDKs)."""
    path = Path(options.query_dir) / "result.json"
    data = b""
    if path.is_file() and not path.is_symlink():
        if path.stat().st_size > LARGEST_BYTES:
            return {"message": f"the query's result is larger than {LARGEST_BYTES} bytes", "exit_code": 1}
        data = path.read_bytes()
    if not data:
        data = _last_answer(answers)
    text = data.decode("utf-8", "replace")
    if len(text.encode("ascii", "backslashreplace")) <= INLINE_BYTES:
        return {"query_result": text}
    key = environment.get("QUERY_RESULT_KEY") or ""
    if not key:
        text = "the query's result is over 256 KiB and there is no key to store it under"
        return {"message": text, "exit_code": 1}
    store = storage.Storage(environment, options, contracts.read(environment))
    try:
        store.store.put(store.results_bucket, key, data)
    except StoreUnavailable as error:
        return {"message": f"the query's result could not be stored: {error}", "exit_code": 1}
    finally:
        store.store.close()
    return {"query_result_key": key}


def _without_place(options: Options, environment: dict[str, str]) -> str:
    """Why a program could not leave a result, where it is the host that lacks the contract's directory."""
    if options.query_dir == QUERY_DIR or environment.get("RUNTIME") in REDIRECTED:
        return ""
    return f"on this host nothing gives a program a {QUERY_DIR} of its own: install bubblewrap"


def _last_words(options: Options) -> str:
    """Why, as far as the end of what a failed query wrote to stderr tells it."""
    end = _tail(Path(options.log_file), LAST_WORDS_BYTES).decode("utf-8", "replace")
    return last_words(end)[:LONGEST_MESSAGE]


def _tail(path: Path, size: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - size))
            return file.read(size)
    except FileNotFoundError:
        return b""


def _last_answer(answers: Path) -> bytes:
    lines = _tail(answers, LARGEST_BYTES).splitlines()
    for line in reversed(lines):
        if not line.startswith(b"{"):
            continue
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict) and "status" in found:
            return line
    return b""

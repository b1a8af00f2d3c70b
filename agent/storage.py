"""The agent's work with the object store. Runs in forked children, or in processes that end soon."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path

from agent import contract as contracts
from agent import log_segments
from agent.clear_directory import clear
from agent.contract import Contract
from agent.errors import ConfigurationError, Fenced, ObjectMissing, StoreUnavailable
from agent.forked import Result, guarded
from agent.lease import IN_CONTACT
from agent.object_store import ObjectStore
from agent.options import Options
from agent.sealed_keys import keys_of
from agent.statelog import StateLog

# Told while a step is under way.
Told = Callable[[str, str], None]


class Storage:
    """Built from the agent's environment; ``ConfigurationError`` names what is missing."""

    def __init__(self, environment: dict[str, str], options: Options, contract: Contract) -> None:
        for name in ("MINIO_ENDPOINT", "MINIO_ACCESS_KEY", "MINIO_SECRET_KEY"):
            if not environment.get(name):
                raise ConfigurationError(f"{name} is not set")
        self._environment = environment
        self._options = options
        self._contract = contract
        access_key, secret_key, session_token = keys_of(environment, options.run_dir)
        self.store = ObjectStore(
            environment["MINIO_ENDPOINT"],
            access_key,
            secret_key,
            session_token=session_token,
            secure=environment.get("MINIO_USE_SSL", "").lower() == "true",
        )
        self.state_bucket = environment.get("MINIO_STATE_BUCKET") or "bot-state"
        self.logs_bucket = environment.get("MINIO_LOGS_BUCKET") or "bot-logs"
        self.results_bucket = environment.get("MINIO_QUERY_RESULTS_BUCKET") or "query-results"

    def download_code(self, *, anew: bool) -> None:
        """Into an empty directory, so that no half of an earlier try is ever run.

        Unless ``anew``, the code stays that an earlier call brought there as a whole.
        """
        key = self._environment.get("CODE_FILE") or ""
        if not key:
            return
        root = Path(self._contract.code_path)
        complete = Path(self._options.run_dir) / "code.complete"
        if not anew and complete.is_file() and complete.read_text() == key:
            return
        complete.unlink(missing_ok=True)
        clear(root)
        # Here: a sync, which is a process of its own, shall not pay for what only a start needs.
        from agent.code import extract

        archive = Path(self._options.run_dir) / "code.zip"
        archive.parent.mkdir(parents=True, exist_ok=True)
        try:
            bucket = self._environment.get("MINIO_CODE_BUCKET") or "custom-bots"
            self.store.download(bucket, key, archive)
            extract(archive, root)
            complete.write_text(key)
        except ObjectMissing as error:
            raise ConfigurationError(f"CODE_FILE {key} is not in the store") from error
        finally:
            archive.unlink(missing_ok=True)

    def state_log(self) -> StateLog:
        """The bot's state; what it remembers is in the cache file, so any process may go on with it."""
        state = Path(self._contract.state_path)
        state.mkdir(parents=True, exist_ok=True)
        return StateLog(
            self.store,
            self.state_bucket,
            self._contract.bot_id,
            state,
            Path(self._options.cache),
            self._options.run_id,
            self._contract.max_state_bytes,
        )


def restore(environment: dict[str, str], told: Told, *, query: bool, claim: bool) -> Result:
    """Bring code and state into place. Without a claim, what ``daemon init`` brought already is left alone:
    the state may be one that another process of this bot writes to."""
    options = Options(environment)
    contract = contracts.read(environment)
    for path in (options.run_dir, options.logs_path, contract.code_path, *([options.query_dir] * query)):
        Path(path).mkdir(parents=True, exist_ok=True)
    durations: dict[str, object] = {}
    storage = Storage(environment, options, contract)
    told("downloading", "")
    begun = time.monotonic()
    storage.download_code(anew=claim or query)
    durations["download"] = time.monotonic() - begun
    told("restoring", "")
    begun = time.monotonic()
    generation, epoch, unsaved, claimed_at = 0, "", "", 0.0
    log = storage.state_log()
    if claim:
        started = log.start(in_order=options.store_lease > 0)
        generation, epoch, unsaved = started.generation, started.epoch, started.unsaved
        claimed_at = started.claimed_at
    elif query or not any(Path(contract.state_path).iterdir()):
        generation = log.restore_only(options.state_generation if query else 0)
    Path(contract.state_dir).mkdir(parents=True, exist_ok=True)
    durations["restore"] = time.monotonic() - begun
    storage.store.close()
    return {
        "generation": generation,
        "epoch": epoch,
        "claimed_at": claimed_at,
        "unsaved": unsaved,
        "durations": durations,
    }


def prepare(environment: dict[str, str], told: Told, *, query: bool, claim: bool) -> Result:
    """Check, download, restore, and say what to start: everything that comes before user code."""
    from agent import runtimes

    options = Options(environment)
    contract = contracts.read(environment)
    restored = restore(environment, told, query=query, claim=claim)
    _forget_results(options, contract, query=query)
    # Not our own PATH: the environment may have come by a file.
    search = environment.get("PATH") or os.defpath
    wrappers = Path(options.run_dir) / "wrappers"
    runtimes.write_wrappers(wrappers)
    has_server = not query and not contract.scheduled and bool(contract.query_entrypoint)
    # A query server is always a real process of its own, so nothing of it is redirected.
    server = (
        runtimes.command(contract, query=True, wrappers=wrappers, query_dir="/query", search=search)
        if has_server
        else []
    )
    bot_environment = contracts.bot_environment(contract, environment, query=query)
    if query and options.query_dir != "/query":
        bot_environment["DURABOT_QUERY_DIR"] = options.query_dir
    return {
        "argv": runtimes.command(
            contract, query=query, wrappers=wrappers, query_dir=options.query_dir, search=search
        ),
        "server_argv": server,
        "environment": bot_environment,
        "code_path": contract.code_path,
        "scheduled": contract.scheduled,
        "bot_id": contract.bot_id,
        **restored,
    }


def _forget_results(options: Options, contract: Contract, *, query: bool) -> None:
    """An earlier run's result in mounted code, or its done marker, must not pass for this one's."""
    (Path(options.run_dir) / "done").unlink(missing_ok=True)
    for path in (Path(contract.code_path), *([Path(options.query_dir)] * query)):
        try:
            (path / "result.json").unlink(missing_ok=True)
        except OSError as error:
            # Read-only code: then no bot could have left one.
            if error.errno not in (errno.EROFS, errno.EACCES):
                raise


def sync(environment: dict[str, str], *, state: bool, last: bool, epoch: str) -> Result:
    """Commit the state if asked to, and ship the log; each is tried, whatever becomes of the other.

    Where nothing is to be committed, it is only made sure that ``epoch`` still has the state.
    """
    options = Options(environment)

    def save() -> Result:
        storage = Storage(environment, options, contracts.read(environment))
        try:
            log = storage.state_log()
            if not state:
                log.refuse_fenced(epoch)
                generation, uploaded_bytes = 0, 0
            else:
                committed = log.commit(epoch)
                generation, uploaded_bytes = committed.generation, committed.uploaded_bytes
            return {
                "generation": generation,
                "uploaded_bytes": uploaded_bytes,
                "fence_probe": log.fence_probe(),
                IN_CONTACT: True,
            }
        finally:
            storage.store.close()

    result = guarded(save)
    if state and result.get("failed") not in (None, Fenced.code, StoreUnavailable.code):
        # A state that cannot be saved must not keep its run from learning that another one has it.
        checked = guarded(lambda: check(environment, epoch=epoch))
        result = checked if checked.get("failed") == Fenced.code else {**checked, **result}
    if result.get("failed") == Fenced.code:
        # Its bot is to be stopped at once; the log goes when that is done.
        return result
    shipped = guarded(lambda: ship_log(environment, last=last))
    if "failed" in shipped:
        result["log_failed"] = shipped["message"]
        if "failed" not in result and last:
            result |= shipped
    shipping = log_segments.Progress(options)
    result |= {"log_offset": shipping.offset, "log_key": shipping.key, "log_segments": shipping.segment}
    return result


def check(environment: dict[str, str], *, epoch: str) -> Result:
    """Make sure that ``epoch`` still has the state; may run beside a sync."""
    storage = Storage(environment, Options(environment), contracts.read(environment))
    try:
        storage.state_log().refuse_fenced(epoch)
    finally:
        storage.store.close()
    return {IN_CONTACT: True}


def ship_log(environment: dict[str, str], *, last: bool) -> Result:
    """What is new of the bot's log; with ``last`` also a line without an end."""
    options = Options(environment)
    contract = contracts.read(environment)
    storage = Storage(environment, options, contract)
    try:
        log_segments.ship_left(storage.store, storage.logs_bucket, contract.bot_id, options)
        log_segments.ship(storage.store, storage.logs_bucket, contract.bot_id, options, last=last)
    finally:
        storage.store.close()
    shipping = log_segments.Progress(options)
    return {"log_key": shipping.key, "log_segments": shipping.segment}

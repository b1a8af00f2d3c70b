"""A bot's life in its container: prepare, run, watch, and the final sync, whatever happens in between."""

from __future__ import annotations

import time

from agent import bot_end, oom, processes
from agent.children import Children
from agent.forked import Fork, Result
from agent.lease import clock
from agent.live_syncs import LiveSyncs
from agent.log_file import LogFile
from agent.options import Options
from agent.posix_signals import signal
from agent.query_server import QueryServer
from agent.status import Status, log_record

FIRST_WAIT_S = 0.2
LARGEST_WAIT_S = 10.0
SYNC_RETRY_S = 0.5
SWEEP_S = 5.0
QUIET_TICK_S = 1.0
BUSY_TICK_S = 0.2


class Execution:
    """One start of one bot. The parent keeps little in memory: work with the store is done by forks."""

    def __init__(self, environment: dict[str, str], *, syncs: bool, serves: bool) -> None:
        self._options = Options(environment)
        # Every fork must know the same run, also where the environment names none.
        self._environment = {**environment, "DURABOT_RUN_ID": self._options.run_id}
        self._status = Status(self._options)
        self._syncs = syncs
        self._serves = serves
        self._stop_asked = False
        self._children = Children()
        self._bot = 0
        self._epoch = ""
        self._server: QueryServer | None = None
        self._log = LogFile(self._options)
        self._live_syncs = LiveSyncs(
            self._options,
            environment.get("MINIO_ENDPOINT") or "",
            self._children,
            self._log,
            lambda state: self._sync_fork(state=state, last=False),
            self._check_fork,
        )
        self._lease = self._live_syncs.lease
        if not syncs:
            # Whoever syncs in our place has to see to it.
            self._lease.seconds = 0
        self._killed = False
        self._outlived = False
        self._oom_kills = oom.kills()
        self._report = bot_end.nothing_yet()
        self._durations: dict[str, object] = {}

    def run(self) -> int:
        """The exit code of the container, which the report explains."""
        processes.become_init()
        self._status.show("starting")
        if self._environment.get("BOT_TYPE") == "scheduled":
            # Soon over: its children share one import. An idle realtime bot's agent stays small instead.
            import agent.storage  # noqa: F401 - for the children
        plan = self._prepare()
        if plan is None:
            return self._end()
        self._lease.contact = plan["claimed_at"]  # type: ignore[assignment]  # from our fork
        self._wait_in_quarantine()
        self._wait_for_start()
        if self._syncs and (self._options.quarantine or self._lease.over()):
            self._make_sure()
        if self._stop_asked:
            self._report |= bot_end.stopped_before("the bot started")
        elif self._report["cause"] != "fenced" and self._start(plan):
            deadline = self._live()
            self._final_sync(deadline)
        return self._end()

    # Before user code.

    def _prepare(self) -> Result | None:
        environment, status, claim = self._environment, self._status, self._syncs
        pause, told = FIRST_WAIT_S, ""

        def work() -> Result:
            from agent import storage

            return storage.prepare(environment, status.show, query=False, claim=claim)

        while True:
            result = self._await(Fork(work, self._children))
            if "failed" not in result:
                self._epoch = str(result["epoch"])
                self._report["generation_before"] = self._report["generation_after"] = result["generation"]
                self._status.keep({"generation": result["generation"]})
                self._durations = dict(result["durations"])  # type: ignore[call-overload]  # from our fork
                return result
            if self._stop_asked:
                self._report |= bot_end.stopped_before("the bot started")
                return None
            message = str(result["message"])
            if result["failed"] == "fenced":
                self._fenced_before(result)
                return None
            if not result["retryable"]:
                self._report |= bot_end.refused(result)
                log_record(self._options, "ERROR", message)
                return None
            if message != told:
                log_record(self._options, "ERROR", f"the bot waits for its storage: {message}")
                told = message
            self._status.show("waiting_for_storage", message)
            self._pause(pause)
            pause = min(pause * 2, LARGEST_WAIT_S)
            if self._stop_asked:
                self._report |= bot_end.stopped_before(f"its storage was there: {message}")
                return None

    def _wait_for_start(self) -> None:
        """A container prepared ahead of its instant starts its bot on time."""
        if self._options.start_at > time.time():
            self._status.show("waiting", "for its instant")
        while (left := self._options.start_at - time.time()) > 0 and not self._stop_asked:
            self._pause(min(left, QUIET_TICK_S))

    def _wait_in_quarantine(self) -> None:
        """Until a former run that may still be alive has ended: by our claim, or for its lease is over."""
        until = self._lease.contact + self._options.quarantine
        if self._options.quarantine:
            self._status.show("waiting", "for a former run on a host that was given up to end")
        while (left := until - clock()) > 0 and not self._stop_asked:
            self._pause(min(left, QUIET_TICK_S))

    def _make_sure(self) -> None:
        """That nobody else has claimed the state since we did. Without that no user code begins."""
        pause = FIRST_WAIT_S
        while not self._stop_asked:
            asked_at = clock()
            result = self._await(self._check_fork())
            if result.get("failed") == "fenced":
                self._fenced_before(result)
                return
            if self._lease.noted(result, asked_at):
                return
            self._status.show("waiting_for_storage", str(result["message"]))
            self._pause(pause)
            pause = min(pause * 2, LARGEST_WAIT_S)

    def _fenced_before(self, result: Result) -> None:
        self._report |= bot_end.fenced(str(result["message"]))
        log_record(self._options, "ERROR", f"fenced, so the bot is not started: {result['message']}")

    def _start(self, plan: Result) -> bool:
        """False when the kernel did not let us."""
        self._scheduled = bool(plan["scheduled"])
        argv: list[str] = plan["argv"]  # type: ignore[assignment]  # from our fork
        bot_environment: dict[str, str] = plan["environment"]  # type: ignore[assignment]  # likewise
        directory = str(plan["code_path"])
        if plan["unsaved"]:
            text = f"what the last run left could not be saved yet: {plan['unsaved']}"
            log_record(self._options, "ERROR", text)
        else:
            # What is already in the directory was just restored, or committed.
            self._live_syncs.restored()
        server_argv: list[str] = plan["server_argv"]  # type: ignore[assignment]  # likewise
        if server_argv and self._serves:
            self._server = QueryServer(server_argv, bot_environment, directory, self._options, self._children)
            self._server.start()
        started = time.time()
        try:
            self._bot = processes.spawn(argv, bot_environment, directory, self._options.log_file)
        except OSError as error:
            self._report["message"] = f"the bot could not be started: {error}"
            log_record(self._options, "ERROR", str(self._report["message"]))
            if self._server:
                self._server.stop()
                self._server.wait()
            return False
        self._children.expect(self._bot)
        self._report["started_at"] = started
        self._status.show("running")
        return True

    # While it lives.

    def _live(self) -> float:
        """Until the bot is over; until when its final sync has time."""
        begun = time.monotonic()
        # Why the last run was killed is asked for now.
        self._live_syncs.begin(at_once=self._log.is_left())
        killing_at = 0.0
        while not self._children.ended(self._bot):
            now = time.monotonic()
            if self._lease.over() and not self._stop_asked:
                self._stop_asked = self._outlived = True
                log_record(self._options, "ERROR", f"the bot is stopped: {self._lease.told()}")
            if self._stop_asked and not killing_at:
                killing_at = now + self._options.stop_grace
                self._status.show("stopping", f"with a grace of {self._options.stop_grace:g} s")
                processes.signal_process(self._bot, signal.SIGTERM)
                self._log.release(self._bot)
                if self._server:
                    self._server.stop()
            if killing_at and now >= killing_at:
                log_record(self._options, "WARNING", "the bot did not stop within its grace and is killed")
                self._killed = True
                processes.kill_session(self._bot)
                killing_at = now + self._options.stop_grace + 1
            if self._server and not killing_at:
                was_ready = self._server.ready
                self._server.tend(now)
                if self._server.ready and "ready" not in self._durations:
                    self._durations["ready"] = now - begun
                if self._server.ready != was_ready:
                    self._status.query_ready(self._server.ready)
            if self._server and not self._log.held:
                self._server.pass_on()
            ticking = self._log.note()
            if self._syncs and not killing_at:
                self._log.regulate(self._bot)
            if self._syncs and (result := self._live_syncs.tend(now)) is not None:
                if result.get("failed") == "fenced":
                    self._fenced(str(result["message"]))
                    break
                self._noted(result)
            starting = self._server and not self._server.ready
            busy = ticking or killing_at or starting or self._live_syncs.under_way
            self._pause(BUSY_TICK_S if busy else self._tick())
        self._durations["run"] = time.monotonic() - begun
        # One budget for all that follows, which whoever stops us knows, too.
        deadline = time.monotonic() + self._options.sync_budget
        fenced = self._report["cause"] == "fenced"
        if not fenced and (sync := self._live_syncs.left()) is not None:
            self._noted(self._await(sync, deadline - self._options.sync_budget / 2))
        if not fenced:
            self._ended(self._children.take(self._bot))
        return deadline

    def _tick(self) -> float:
        return min(QUIET_TICK_S, max(BUSY_TICK_S, self._options.sync_interval / 2))

    def _ended(self, wait_status: int) -> None:
        grace, oom_killed = self._options.stop_grace, oom.kills() > self._oom_kills
        self._report |= bot_end.told(wait_status, grace=grace, killed=self._killed, oom_killed=oom_killed)
        if self._outlived:
            self._report |= {"cause": "lease", "message": self._lease.told()}
        self._sweep()

    def _fenced(self, message: str) -> None:
        """Another run has the state: end this bot at once, with its grace, and write nothing more."""
        log_record(self._options, "ERROR", f"fenced, so the bot is stopped: {message}")
        self._status.show("stopping", message)
        processes.signal_process(self._bot, signal.SIGTERM)
        self._log.release(self._bot)
        deadline = time.monotonic() + self._options.stop_grace
        while not self._children.ended(self._bot) and time.monotonic() < deadline:
            self._pause(BUSY_TICK_S)
        self._sweep()
        while not self._children.ended(self._bot):
            self._pause(BUSY_TICK_S)
        self._report |= bot_end.fenced(message)

    def _sweep(self) -> None:
        """No process of the bot may change the state during the final sync."""
        if self._server:
            self._server.stop()
            self._server.wait()
        processes.kill_session(self._bot)
        deadline = time.monotonic() + SWEEP_S
        while processes.children() and time.monotonic() < deadline:
            processes.kill_children()
            self._pause(BUSY_TICK_S / 4)

    # After it.

    def _final_sync(self, deadline: float) -> None:
        if self._scheduled:
            self._mark_done()
        if not self._syncs:
            return
        self._log.tell_holds()
        self._log.note()
        if self._report["cause"] == "fenced":
            self._ship_last_words(deadline)
            return
        self._status.show("final_sync")
        begun = time.monotonic()
        pause = SYNC_RETRY_S
        while True:
            result = self._await(self._sync_fork(state=True, last=True), deadline)
            self._noted(result)
            if "failed" not in result:
                self._report["final_sync"] = "ok"
                break
            if result["failed"] == "fenced":
                log_record(self._options, "ERROR", f"fenced at the final sync: {result['message']}")
                self._report |= {**bot_end.fenced(str(result["message"])), "final_sync": "failed"}
                self._ship_last_words(deadline)
                break
            left = deadline - time.monotonic()
            if not result["retryable"] or left <= 0:
                self._report["final_sync"] = "failed"
                text = f"final sync failed: {result['message']}"
                self._report["message"] = "; ".join(filter(None, (str(self._report["message"]), text)))
                log_record(self._options, "ERROR", text)
                break
            self._status.show("final_sync", str(result["message"]))
            self._pause(min(pause, left), interruptible=False)
            pause = min(pause * 2, LARGEST_WAIT_S)
        self._durations["final_sync"] = time.monotonic() - begun

    def _ship_last_words(self, deadline: float) -> None:
        """The log is each run's own: whoever has the state now, the reason of this end belongs there."""
        environment = self._environment

        def work() -> Result:
            from agent import storage

            return storage.ship_log(environment, last=True)

        result = self._await(Fork(work, self._children), deadline)
        self._report |= self._status.shipped(result)
        if "failed" in result:
            log_record(self._options, "ERROR", f"the log could not be shipped: {result['message']}")

    def _mark_done(self) -> None:
        from agent.status import replace_file

        replace_file(f"{self._options.run_dir}/done", str(self._report["exit_code"]))

    def _end(self) -> int:
        self._report["durations"] = self._durations
        self._report["run_id"] = self._options.run_id
        self._status.report(self._report)
        code = self._report["exit_code"]
        return code if isinstance(code, int) else 1

    # Common to all phases.

    def _sync_fork(self, *, state: bool, last: bool) -> Fork:
        environment, epoch = self._environment, self._epoch

        def work() -> Result:
            from agent import storage

            return storage.sync(environment, state=state, last=last, epoch=epoch)

        return Fork(work, self._children)

    def _check_fork(self) -> Fork:
        environment, epoch = self._environment, self._epoch

        def work() -> Result:
            from agent import storage

            return storage.check(environment, epoch=epoch)

        return Fork(work, self._children)

    def _noted(self, result: Result) -> None:
        """A sync that failed is told each time; what it achieved counts all the same."""
        if generation := result.get("generation"):
            self._report["generation_after"] = generation
        uploaded = result.get("uploaded_bytes", 0)
        self._report["uploaded_bytes"] += uploaded  # type: ignore[operator]  # both are integers
        after = self._report["generation_after"]
        assert isinstance(after, int)
        self._report |= self._status.shipped(result)
        if "failed" in result:
            log_record(self._options, "ERROR", f"sync failed: {result['message']}")
            self._status.synced(after, False, str(result["message"]))
        elif result.get("generation"):
            self._status.synced(after, True, "")
        if "log_failed" in result:
            log_record(self._options, "WARNING", f"the log could not be shipped: {result['log_failed']}")

    def _await(self, fork: Fork, deadline: float = 0) -> Result:
        """A stop that comes meanwhile is remembered; before user code it ends the wait."""
        late = False
        while not fork.done():
            self._pause(QUIET_TICK_S)
            late = bool(deadline) and time.monotonic() > deadline + 1
            if late or (self._stop_asked and not self._bot):
                fork.kill()
        result = fork.result()
        if late and "failed" in result:
            result["message"] = "the object store took longer than there was time"
        return result

    def _pause(self, seconds: float, *, interruptible: bool = True) -> None:
        """Until a signal or the time; reaps whatever ended."""
        waited = processes.WAITED_FOR | {processes.PRINTED} if interruptible else {signal.SIGCHLD}
        found = signal.sigtimedwait(waited, max(0.0, seconds))
        if found is not None and found.si_signo in (signal.SIGTERM, signal.SIGINT):
            self._stop_asked = True
        self._children.reap()

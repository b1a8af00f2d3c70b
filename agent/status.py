"""What the agent tells from outside: its phase while it lives, and one report at its end."""

from __future__ import annotations

import os
import sys
import time

from agent.no_wait import anew
from agent.options import Options
from agent.tiny_json import encode


class Status:
    """Files are replaced as a whole, so a reader sees the old or the new. Instants are unix seconds."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self.phase = ""
        self._fields: dict[str, object] = {"pid": os.getpid()}

    def show(self, phase: str, message: str = "") -> None:
        """Enter a phase, or change its message."""
        if phase != self.phase:
            self._fields["since"] = time.time()
        self.phase = phase
        self._fields |= {"phase": phase, "message": message}
        self._write()

    def keep(self, fields: dict[str, object]) -> None:
        """What the report will say, too: told with the next word, for one that never comes to its report."""
        self._fields |= fields

    def shipped(self, result: dict[str, object]) -> dict[str, object]:
        """Where the log is, as a sync tells it; the same for the report."""
        where = {name: result[name] for name in ("log_key", "log_segments") if result.get("log_key")}
        self.keep(where)
        return where

    def synced(self, generation: int, ok: bool, message: str) -> None:
        """The last sync, good or bad."""
        self._fields["last_sync"] = {
            "at": time.time(),
            "generation": generation,
            "ok": ok,
            "message": message,
        }
        self._write()

    def query_ready(self, ready: bool) -> None:
        """Whether the query process accepts connections."""
        self._fields["query_ready"] = ready
        self._write()

    def _write(self) -> None:
        if self._options.status_file:
            replace_file(self._options.status_file, encode(self._fields))

    def report(self, report: dict[str, object]) -> None:
        """The last word; nothing follows but the exit."""
        self.show("exited", str(report.get("message", "")))
        if self._options.exit_report:
            replace_file(self._options.exit_report, encode(report))


def replace_file(path: str, text: str) -> None:
    """A full disk must not take the bot down with it: told on stderr, and gone on."""
    try:
        scratch = path + ".new"
        with open(scratch, "w", encoding="ascii", opener=anew) as file:
            file.write(text)
        os.rename(scratch, path)  # noqa: PTH104 - pathlib costs memory here
    except OSError as error:
        print(f"agent: cannot write {path}: {error}", file=sys.stderr, flush=True)


def log_record(options: Options, level: str, message: str) -> None:
    """One line of our own, on stderr and in the bot's log, so that its readers know why."""
    seconds = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds * 1000) % 1000:03d}Z"
    record = {"timestamp": stamp, "level": level, "message": message, "source": "durabot"}
    line = (encode(record) + "\n").encode()
    try:
        os.write(2, line)
        os.makedirs(options.logs_path, exist_ok=True)  # noqa: PTH103 - pathlib costs memory here
        descriptor = os.open(options.log_file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            size = os.fstat(descriptor).st_size
            # A record is a line of its own, also after what the bot did not end.
            unfinished = size > 0 and os.pread(descriptor, 1, size - 1) not in (b"\n", b"\0")
            os.write(descriptor, b"\n" * unfinished + line)
        finally:
            os.close(descriptor)
    except OSError as error:
        print(f"agent: cannot log: {error}", file=sys.stderr, flush=True)

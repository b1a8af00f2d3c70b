"""The bot's log as append-only objects: each line once, in order, as NDJSON.

The bot writes its file itself, so nothing of it can be lost or held back by us. What was shipped is given
back to the file system by punching a hole; offsets stay, and so nobody who follows the file is lost.
"""

from __future__ import annotations

import ctypes
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from agent import clear_directory
from agent.errors import PreconditionFailed, StoreUnavailable
from agent.no_wait import anew, no_wait
from agent.object_store import ObjectStore
from agent.options import Options
from agent.status import log_record

SEGMENT_BYTES = 4 * 1024 * 1024
LINE_BYTES = 1024 * 1024
KEEP_SIZE_PUNCH_HOLE = 0x01 | 0x02
# Of what was shipped, this much stays for readers of the file itself.
KEPT_BYTES = 4 * 1024 * 1024


class Progress:
    """How far the log was shipped, kept beside it: the offset in it, and the next segment's number."""

    def __init__(self, options: Options) -> None:
        self._path = Path(options.logs_path) / "shipped.json"
        self.offset = 0
        self.segment = 0
        # Of the newest segment.
        self.key = ""
        try:
            known = json.loads(_text(str(self._path)))
            # Another run's lines in this file were shipped by it.
            self.offset = int(known["offset"])
            if known["run_id"] == options.run_id:
                self.segment = int(known["segment"])
                self.key = str(known.get("key", ""))
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            pass  # A new file begins at the beginning.
        self._run_id = options.run_id

    def save(self) -> None:
        """After the segment is in the store."""
        known: dict[str, object] = {
            "run_id": self._run_id,
            "offset": self.offset,
            "segment": self.segment,
            "key": self.key,
        }
        scratch = self._path.with_suffix(".new")
        with open(scratch, "w", opener=anew) as file:
            file.write(json.dumps(known))
        scratch.replace(self._path)


def ship(store: ObjectStore, bucket: str, bot_id: str, options: Options, *, last: bool) -> int:
    """Ship what is new; returns how many lines. An unfinished last line waits, unless this is the end."""
    if not Path(options.log_file).exists():
        return 0
    progress = Progress(options)
    instants = Instants(options)
    lines = 0
    with open(options.log_file, "rb", opener=no_wait) as file:
        while True:
            file.seek(progress.offset)
            block = file.read(SEGMENT_BYTES)
            # Only where the log ends may a line lack its end.
            ends = last and len(block) < SEGMENT_BYTES
            # Of the lines and not of this moment: a segment that is shipped again must get its name again.
            day = datetime.fromtimestamp(instants.of(progress.offset), UTC).strftime("%Y-%m-%d")
            used, records = _records(block, progress.offset, instants, last=ends)
            if not used:
                return lines
            key = f"{bot_id}/{day}/{options.run_id}-{progress.segment:06d}.ndjson"
            try:
                store.create(bucket, key, b"".join(records))
            except PreconditionFailed:
                # Ours, of a child that died between the store's answer and its note: its end is unknown, and
                # writing the same lines under another name would double them.
                used = _already_shipped(store, bucket, key, block, last=ends)
            except StoreUnavailable:
                _drop_overflow(file.fileno(), options, progress)
                raise
            lines += len(records)
            progress.offset += used
            progress.segment += 1
            progress.key = key
            progress.save()
            _punch(options.log_file, progress.offset - KEPT_BYTES)


def ship_left(store: ObjectStore, bucket: str, bot_id: str, options: Options) -> dict[str, tuple[str, int]]:
    """Logs of runs whose agent was killed before it had shipped all, each in a directory named by its run.
    Of each the key of its newest segment, and how many there are."""
    shipped: dict[str, tuple[str, int]] = {}
    if not options.left_logs or not Path(options.left_logs).is_dir():
        return shipped
    for directory in sorted(Path(options.left_logs).iterdir()):
        left = Options({"LOGS_PATH": str(directory), "DURABOT_RUN_ID": directory.name})
        ship(store, bucket, bot_id, left, last=True)
        progress = Progress(left)
        shipped[directory.name] = (progress.key, progress.segment)
        clear_directory.remove(directory)
    return shipped


def _already_shipped(store: ObjectStore, bucket: str, key: str, block: bytes, *, last: bool) -> int:
    """How much of this block an earlier child shipped under this name: as many lines as the object has."""
    shipped = store.get(bucket, key).count(b"\n")
    used = 0
    for size, _ in list(_lines(block, last=last))[:shipped]:
        used += size
    return used


def _records(block: bytes, offset: int, instants: Instants, *, last: bool) -> tuple[int, list[bytes]]:
    """Bytes used and their records, which fill one segment at most; a single line may be larger than that."""
    records: list[bytes] = []
    used = filled = 0
    for size, line in _lines(block, last=last):
        encoded = record(line, instants.of(offset + used))
        filled += len(encoded)
        if records and filled > SEGMENT_BYTES:
            break
        records.append(encoded)
        used += size
    return used, records


def _lines(block: bytes, *, last: bool) -> Iterator[tuple[int, bytes]]:
    """Bytes consumed and the line; longer ones than a mebibyte come in pieces."""
    position = 0
    while position < len(block):
        end = block.find(b"\n", position, position + LINE_BYTES + 1)
        if end >= 0:
            yield end + 1 - position, block[position:end]
            position = end + 1
        elif len(block) - position > LINE_BYTES:
            yield LINE_BYTES, block[position : position + LINE_BYTES]
            position += LINE_BYTES
        elif last:
            yield len(block) - position, block[position:]
            return
        else:
            return


def record(line: bytes, instant: float) -> bytes:
    """A JSON object is kept and gets a timestamp if it has none; anything else becomes a message."""
    stamp = datetime.fromtimestamp(instant, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    text = line.decode("utf-8", "replace").removesuffix("\r")
    if text.startswith("{"):
        try:
            found = json.loads(text, parse_constant=_refuse)
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, dict):
            if "timestamp" in found:
                return text.encode() + b"\n"
            # Put before what the bot wrote, which stays as it is: numbers do not survive a round trip.
            rest = text[1:] if not found else "," + text[1:]
            return f'{{"timestamp":"{stamp}"{rest}\n'.encode()
    return json.dumps({"timestamp": stamp, "message": text}, separators=(",", ":")).encode() + b"\n"


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


class Instants:
    """When each part of the log was written, as the agent saw it grow: lines of ``offset instant``."""

    def __init__(self, options: Options) -> None:
        self._marks: list[tuple[int, float]] = []
        try:
            text = _text(options.log_file + ".index")
        except FileNotFoundError:
            text = ""
        for line in text.splitlines():
            offset, _, instant = line.partition(" ")
            if offset.isdigit() and instant:
                self._marks.append((int(offset), float(instant)))
        self._next = 0
        self._now = datetime.now(UTC).timestamp()

    def of(self, offset: int) -> float:
        """Asked in rising order. What no mark covers yet is being written now."""
        while self._next < len(self._marks) and self._marks[self._next][0] <= offset:
            self._next += 1
        return self._marks[self._next][1] if self._next < len(self._marks) else self._now


def _text(path: str) -> str:
    with open(path, opener=no_wait) as file:
        return file.read()


def _drop_overflow(descriptor: int, options: Options, progress: Progress) -> None:
    """What the store cannot take now is kept up to the limit; more, the oldest, is given up, and told."""
    waiting = os.fstat(descriptor).st_size - progress.offset
    if waiting <= options.log_max_bytes:
        return
    end = progress.offset + waiting - options.log_max_bytes * 3 // 4
    # What is left begins with a whole line, if one begins soon.
    after = os.pread(descriptor, LINE_BYTES, end).find(b"\n") + 1
    dropped = end + after - progress.offset
    progress.offset += dropped
    progress.save()
    _punch(options.log_file, progress.offset)
    log_record(options, "ERROR", f"{dropped} bytes of log were dropped: the object store is away too long")


def _punch(path: str, end: int) -> None:
    """Give shipped bytes back. A file system that cannot keeps them: that costs space, nothing else."""
    if end <= 0:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(path, os.O_RDWR)
    try:
        libc.fallocate(descriptor, KEEP_SIZE_PUNCH_HOLE, ctypes.c_long(0), ctypes.c_long(end))
    finally:
        os.close(descriptor)

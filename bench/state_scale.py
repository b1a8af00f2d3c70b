"""What does saving and restoring a state cost, by its size and by the share of it that changed?"""

from __future__ import annotations

import random
import shutil
from pathlib import Path

from bench import one_sync
from bench.one_sync import Sync, measured
from bench.result import Goal, Result, Series
from bench.setup import Setup
from tests.support.s3_server import S3Server

KIB, MIB = 1024, 1024 * 1024
SHARES = (0, 1, 10, 100)
FILE_BYTES = 256 * KIB
# Rounds of each size; of large ones fewer.
ROUNDS, LARGE_ROUNDS, LARGE_KIB = 5, 1, 200 * KIB
SEED = 1
# Ways to save and to restore, by the driver's names, and what they are called.
OURS = {"sync": "sync", "restore": "restore"}
ARCHIVES = {"archive": "tar + gzip + upload", "unarchive": "download + untar"}
UNCHANGED_LIMIT_BYTES = 0


def measure(setup: Setup) -> Result:
    """Each in a fork that ends, as the agent does it; archives, too, so that both pay for imports."""
    server = S3Server(setup.scratch / "s3" / "data")
    server.start()
    try:
        return _measure(setup, server)
    finally:
        server.kill()


def _measure(setup: Setup, server: S3Server) -> Result:
    series: list[Series] = []
    facts: dict[str, dict[str, float]] = {}
    unchanged = 0
    for kib in setup.sizes_kib:
        place = setup.scratch / f"{kib}"
        place.mkdir()
        environment = {**one_sync.environment(place, server), "BOT_ID": f"size-{kib}"}
        measured(environment, "restore")
        state = place / "state"
        _fill(state, kib)
        first = measured(environment)
        measured(environment)
        facts[f"{_size(kib)}, first"] = _costs(first)
        for share in SHARES:
            found: dict[str, list[Sync]] = {"sync": [], "archive": []}
            for number in range(_rounds(kib)):
                _change(state, share, number)
                for what, results in found.items():
                    results.append(measured(environment, what))
                # Files that were just written are read again once, which is no part of this question.
                measured(environment)
            if share == 0:
                unchanged += sum(one.uploaded for one in found["sync"])
            for what, results in found.items():
                name = f"{_size(kib)}, {share} % changed: {({**OURS, **ARCHIVES})[what]}"
                series.append(Series(name=name, values=[one.wall_ms for one in results]))
                facts[name] = _costs(*results)
        series += _restores(environment, kib, facts)
        shutil.rmtree(place)
    latency = _latency(setup, server)
    return Result(
        question="Saving and restoring a state, by its size and the share changed",
        unit="ms",
        series=[latency, *series],
        goals=[
            Goal(what="unchanged: uploaded", value=unchanged, limit=UNCHANGED_LIMIT_BYTES, unit="bytes"),
        ],
        facts=facts,
    )


def _restores(environment: dict[str, str], kib: int, facts: dict[str, dict[str, float]]) -> list[Series]:
    """Into an empty directory, as on another host."""
    found = []
    for what in ("restore", "unarchive"):
        results = []
        for _ in range(_rounds(kib)):
            shutil.rmtree(environment["STATE_PATH"])
            Path(environment["STATE_PATH"]).mkdir()
            Path(environment["DURABOT_STATE_CACHE"]).unlink(missing_ok=True)
            results.append(measured(environment, what))
        name = f"{_size(kib)}: {({**OURS, **ARCHIVES})[what]}"
        found.append(Series(name=name, values=[one.wall_ms for one in results]))
        facts[name] = _costs(*results)
    return found


def _latency(setup: Setup, server: S3Server) -> Series:
    """One small file of a state of a megabyte changes, again and again."""
    place = setup.scratch / "latency"
    place.mkdir()
    environment = {**one_sync.environment(place, server), "BOT_ID": "latency"}
    measured(environment, "restore")
    _fill(place / "state", KIB)
    measured(environment)
    values = []
    for number in range(setup.commits):
        (place / "state/counter").write_text(str(number))
        values.append(measured(environment).wall_ms)
    return Series(name="one small file changed: from the fork of a commit to its end", values=values)


def _fill(state: Path, kib: int) -> None:
    generator = random.Random(SEED)
    left = kib * KIB
    number = 0
    while left:
        size = min(FILE_BYTES, left)
        (state / f"{number:05d}.txt").write_bytes(_text(generator, size))
        left -= size
        number += 1


def _change(state: Path, share: int, number: int) -> None:
    """That share of the files, or of the only one."""
    generator = random.Random(SEED + number + 1)
    files = sorted(state.glob("*.txt"))
    count = len(files) * share // 100
    for path in files[:count]:
        path.write_bytes(_text(generator, path.stat().st_size))
    if share and not count:
        with files[0].open("r+b") as file:
            file.write(_text(generator, max(1, files[0].stat().st_size * len(files) * share // 100)))


def _text(generator: random.Random, size: int) -> bytes:
    """Packs to about a half, as numbers in text do."""
    return generator.randbytes(size // 2 + 1).hex().encode()[:size]


def _costs(*found: Sync) -> dict[str, float]:
    """Of one, on the average."""
    return {
        "cpu_ms": sum(one.cpu_ms for one in found) / len(found),
        "uploaded": sum(one.uploaded for one in found) / len(found),
    }


def _rounds(kib: int) -> int:
    return LARGE_ROUNDS if kib >= LARGE_KIB else ROUNDS


def _size(kib: int) -> str:
    return f"{kib // KIB} MiB" if kib >= KIB else f"{kib} KiB"

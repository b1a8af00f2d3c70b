"""Reading a log whose begin was shipped and given back to the file system by the agent's own code."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from activities.backends.layout import ContainerFiles
from activities.backends.logs import follow_log, log_extent
from activities.ports import LogExtent
from agent.log_segments import ship
from agent.options import Options

LINES = 100_000


class Kept:
    """An object store that keeps what it is given."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def create(self, bucket: str, key: str, data: bytes) -> None:
        self.objects[key] = data


@pytest.fixture
def files(tmp_path: Path) -> ContainerFiles:
    found = ContainerFiles(root=tmp_path, name="bot-a.r1")
    (found.var / "logs").mkdir(parents=True)
    return found


def write(files: ContainerFiles, first: int, end: int) -> None:
    with (files.var / "logs/bot.log").open("a") as log:
        log.writelines(f"{number} {'x' * 100}\n" for number in range(first, end))


def read(files: ContainerFiles, tail: int = -1, start: int = 0) -> list[int]:
    async def over() -> bool:
        return True

    async def work() -> list[int]:
        return [int(line.split()[0]) async for line in follow_log(files, over, tail, start)]

    return asyncio.run(work())


def shipped(files: ContainerFiles) -> Kept:
    store = Kept()
    options = Options({"LOGS_PATH": str(files.var / "logs"), "DURABOT_RUN_ID": "1"})
    ship(store, "logs", "bot-a", options, last=False)  # type: ignore[arg-type]  # only what it needs
    return store


def test_no_log_and_one_that_was_never_shipped(files: ContainerFiles) -> None:
    assert log_extent(files) == LogExtent()
    write(files, 0, 3)
    assert log_extent(files) == LogExtent()
    assert read(files) == [0, 1, 2]


def test_a_short_log_stays_whole_when_it_is_shipped(files: ContainerFiles) -> None:
    write(files, 0, 3)
    shipped(files)
    assert log_extent(files) == LogExtent(shipped=(files.var / "logs/bot.log").stat().st_size, segments=1)
    assert read(files) == [0, 1, 2]


def test_the_store_and_the_rest_of_the_file_make_up_the_whole(files: ContainerFiles) -> None:
    write(files, 0, LINES)
    store = shipped(files)
    write(files, LINES, LINES + 7)
    extent = log_extent(files)
    assert 0 < extent.first < extent.shipped
    assert extent.segments == len(store.objects) > 1
    in_store = sum(data.count(b"\n") for data in store.objects.values())
    assert in_store == LINES
    assert read(files, start=extent.shipped) == list(range(LINES, LINES + 7))
    # What is left of it begins with a whole line, whatever the hole cut.
    left = read(files)
    assert 0 < left[0] < LINES
    assert left == list(range(left[0], LINES + 7))
    assert read(files, tail=3) == [LINES + 4, LINES + 5, LINES + 6]
    assert read(files, tail=2 * LINES) == left
    assert read(files, tail=0) == []


@pytest.mark.parametrize("text", ["{", "[]", '{"offset": "1", "segment": 1}', '{"offset": -1, "segment": 2}'])
def test_what_a_bot_wrote_over_the_note_is_not_believed(files: ContainerFiles, text: str) -> None:
    write(files, 0, 3)
    (files.var / "logs/shipped.json").write_text(text)
    assert log_extent(files) == LogExtent()

"""Which addresses the embedded stack listens on, who sees its data, and which data is meant."""

from __future__ import annotations

from pathlib import Path

from tests.support.stack import Stack
from worker.embedded.stack import ALL

LISTENING = "0A"
LOOPBACK = {"0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F"}


def listening_addresses(pid: int) -> set[str]:
    """As the kernel writes them, of all sockets of a process that take connections."""
    sockets = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            sockets.add(str(entry.readlink()))
        except FileNotFoundError:
            continue
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENING and f"socket:[{fields[9]}]" in sockets:
                found.add(fields[1].partition(":")[0])
    return found


def test_all_servers_listen_on_loopback_only(stack: Stack) -> None:
    listening = {}
    for name in ALL:
        process = stack.process(name)
        assert process is not None, name
        listening[name] = listening_addresses(process.pid)
    assert all(addresses <= LOOPBACK for addresses in listening.values()), listening
    # The worker serves nobody; what the others listen on was really found.
    assert all(listening[name] for name in ("gateway", "temporal", "s3")), listening


def test_data_is_for_its_owner_alone(stack: Stack) -> None:
    data = stack.directory
    # Nobody else comes to what is in a directory that is closed.
    closed = [data, data / "s3", *data.glob("temporal.db*")]
    assert {path.name: path.stat().st_mode & 0o077 for path in closed} == {path.name: 0 for path in closed}
    assert len(closed) > 2


def test_the_option_for_the_data_directory_wins_over_the_variable(stack: Stack, tmp_path: Path) -> None:
    other = tmp_path / "other"
    assert "nothing was running" in stack.run("down", "--data-dir", str(other)).stdout
    elsewhere = Stack(other, {**stack.settings, "DURABOT_DATA_DIR": str(other)})
    again = elsewhere.json("up", "--data-dir", str(stack.directory))
    assert again["state"].startswith("already running")
    assert again["data_dir"] == str(stack.directory)

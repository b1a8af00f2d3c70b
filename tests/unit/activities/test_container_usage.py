"""The kernel's files that tell what a container uses, in the layouts that there are."""

from __future__ import annotations

import os
from pathlib import Path

from activities.backends.docker.usage import usage_of
from activities.backends.process.usage import PAGE, TICKS, ProcessUsage, of_trees, parse, processes

ID = "0123abcd"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_version_2_with_systemd(tmp_path: Path) -> None:
    group = tmp_path / f"system.slice/docker-{ID}.scope"
    write(group / "cpu.stat", "usage_usec 1500000\nuser_usec 1\n")
    write(group / "memory.stat", "anon 1\ninactive_file 1000\n")
    write(group / "memory.current", "5000\n")
    assert usage_of(ID, tmp_path) == (1.5, 4000)


def test_version_1_with_cgroupfs(tmp_path: Path) -> None:
    write(tmp_path / f"cpu,cpuacct/docker/{ID}/cpuacct.usage", "2500000000\n")
    write(tmp_path / f"memory/docker/{ID}/memory.usage_in_bytes", "700\n")
    # More than is used now: they are read one after the other.
    write(tmp_path / f"memory/docker/{ID}/memory.stat", "inactive_file 1\ntotal_inactive_file 900\n")
    assert usage_of(ID, tmp_path) == (2.5, 0)


def test_none_where_no_layout_is_known(tmp_path: Path) -> None:
    assert usage_of(ID, tmp_path) is None


def test_a_process_with_any_name() -> None:
    fields = ["S", "7", *("0",) * 9, "100", "20", "30", "50", *("0",) * 6, "12"]
    found = parse(f"4 (a) b) (c) {' '.join(fields)}")
    assert found == ProcessUsage(parent=7, cpu_s=200 / TICKS, memory=12 * PAGE)


def test_a_tree_is_all_below_its_root() -> None:
    known = {
        pid: ProcessUsage(parent=parent, cpu_s=pid, memory=pid * 10)
        for pid, parent in {1: 0, 2: 1, 3: 2, 4: 3, 5: 1}.items()
    }
    assert of_trees([2, 5, 9], known) == {2: (9.0, 90), 5: (5.0, 50), 9: (0.0, 0)}


def test_this_process_is_among_those_of_this_machine() -> None:
    own = processes()[os.getpid()]
    assert own.parent == os.getppid()
    assert own.memory > 1 << 20

"""The agent as one file, built by whoever needs it first."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

BUILD = [sys.executable, "-m", "agent.zipapp_build"]


def test_processes_that_build_it_at_once_all_get_a_whole_file(tmp_path: Path) -> None:
    target = tmp_path / "runtime.pyz"
    builders = [
        subprocess.Popen([*BUILD, str(target)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(6)
    ]
    told = [builder.communicate() for builder in builders]
    assert [builder.returncode for builder in builders] == [0] * 6, told
    done = subprocess.run([sys.executable, "-I", str(target), "version"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert list(tmp_path.iterdir()) == [target]

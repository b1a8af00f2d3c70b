"""The exit code of a process is that of its work, whatever the interpreter's shutdown would do."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys
from worker.process_end import run_to_end
def work():
    print("done")
    {ending}
run_to_end(work)
"""


@pytest.mark.parametrize(
    ("ending", "code", "told"),
    [
        ("pass", 0, ""),
        ("sys.exit(3)", 3, ""),
        ("sys.exit()", 0, ""),
        ("sys.exit('no such bot')", 1, "no such bot"),
        ("raise KeyboardInterrupt", 130, ""),
        ("raise ValueError('broken')", 1, "ValueError: broken"),
    ],
)
def test_exit_code_and_output(ending: str, code: int, told: str) -> None:
    program = PROGRAM.format(ending=ending)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (code, "done\n")
    assert told in done.stderr

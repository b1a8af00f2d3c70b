"""How compose's Temporal programs are built: once for each version, never by half. No Go is needed here."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "deploy/temporal/binaries.sh"
# As Go does: named after its directory, below that of the machine where it is another's.
INSTALLS = """
place=$GOPATH/bin/${GOARCH_DIRECTORY:-}
mkdir -p "$place"
module=${!#%@*}
echo "$module" > "$place/${module##*/}"
"""


def build(
    tmp_path: Path, install: str, machine: str = "amd64", **more: str
) -> subprocess.CompletedProcess[str]:
    """With a Go that does this for ``go install``."""
    go = tmp_path / "tools" / "go"
    go.parent.mkdir(exist_ok=True)
    go.write_text(
        f'#!/bin/bash\nset -e\nif [ "$1" = env ]; then echo "{tmp_path}/modules"; exit; fi\n{install}\n'
    )
    go.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{go.parent}:{os.environ['PATH']}",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        **more,
    }
    return subprocess.run(
        ["bash", str(SCRIPT), machine], env=environment, capture_output=True, text=True, timeout=60
    )


def made(tmp_path: Path) -> list[str]:
    return [path.name for path in (tmp_path / "cache/durabot/temporal").iterdir()]


@pytest.mark.parametrize(("machine", "below"), [("amd64", ""), ("arm64", "linux_arm64")])
def test_each_program_has_its_own_name_and_is_built_once(tmp_path: Path, machine: str, below: str) -> None:
    done = build(tmp_path, INSTALLS, machine, GOARCH_DIRECTORY=below)
    assert done.returncode == 0, done.stderr
    found = Path(done.stdout.strip())
    assert {path.name: path.read_text().strip() for path in found.iterdir()} == {
        "temporal-server": "go.temporal.io/server/cmd/server",
        "temporal-sql-tool": "go.temporal.io/server/cmd/tools/sql",
        "temporal-ui-server": "github.com/temporalio/ui-server/v2/cmd/server",
    }
    assert made(tmp_path) == [found.name]
    again = build(tmp_path, "exit 1", machine)
    assert (again.returncode, again.stdout) == (0, done.stdout)


def test_a_build_that_fails_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    done = build(tmp_path, f'case "${{!#}}" in *sql*) echo "no such module" >&2; exit 1 ;; esac\n{INSTALLS}')
    assert done.returncode == 1
    assert "no such module" in done.stderr
    assert "cmd/tools/sql@" in done.stderr and "cannot be built" in done.stderr
    assert made(tmp_path) == []

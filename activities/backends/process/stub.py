"""The stub: waits for one agent and leaves its exit code, whatever becomes of the worker.

A shell and not Python, because one of these lives beside every bot: it takes a tenth of the memory.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

# $1 is the container's directory, the rest the agent's command. Descriptor 9 is the lock of the start, held
# until the process is on record; bwrap tells its child's pid on descriptor 8. Field 22 of a process's stat
# is its start.
SCRIPT = """
dir=$1; shift
"$@" </dev/null >>"$dir/agent.log" 2>&1 8>"$dir/inner.json" 9>&- &
child=$!
started() { read -r line < "/proc/$1/stat"; set -- ${line##*) }; ticks=${20}; }
read -r boot < /proc/sys/kernel/random/boot_id
started $child; agent=$ticks
started $$; stub=$ticks
printf '{"agent":{"pid":%s,"started":%s,"boot":"%s"},"stub":{"pid":%s,"started":%s,"boot":"%s"}}' \\
  "$child" "$agent" "$boot" "$$" "$stub" "$boot" > "$dir/process.new"
mv "$dir/process.new" "$dir/process.json"
exec 9>&-
wait $child
printf '%s' "$?" > "$dir/exit.new"
mv "$dir/exit.new" "$dir/exit"
"""
# The outer shell ends at once, so the stub belongs to init and to no worker.
OUTER = 'exec 9<&0; sh -c "$STUB" stub "$@" </dev/null >/dev/null 2>&1 &'


def launch(directory: Path, command: list[str], lock: int, environment: dict[str, str]) -> None:
    """Returns when the stub is on its way; ``process.json`` appears when the agent runs."""
    subprocess.run(
        ["/bin/sh", "-c", OUTER, "stub", str(directory), *command],
        env={**environment, "STUB": SCRIPT},
        stdin=lock,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
        check=True,
    )

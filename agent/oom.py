"""Whether the kernel killed for lack of memory: a bot ended by SIGKILL does not tell who sent it."""

from __future__ import annotations

PLACES = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")


def kills() -> int:
    """How often, in our control group since it exists; 0 where the kernel does not tell."""
    for path in PLACES:
        try:
            with open(path) as file:  # noqa: PTH123 - pathlib costs memory here
                words = file.read().split()
        except OSError:
            continue
        if "oom_kill" in words[:-1]:
            return int(words[words.index("oom_kill") + 1])
    return 0

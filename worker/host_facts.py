"""What this host tells of itself: its capacity and its labels."""

from __future__ import annotations

import os

from activities.definition.quantities import megabytes
from activities.host_messages import Capacity, HostNews
from worker.host_identity import host_identity
from worker.settings import Settings
from worker.version import version


def host_news(settings: Settings, isolation: str) -> HostNews:
    """Bots' limits may add up to more than what the machine has, unless the settings name a number."""
    return HostNews(
        identity=host_identity(settings.data),
        isolation=isolation,
        version=version(),
        backend=settings.backend,
        capacity=Capacity(
            bots=settings.host_bots,
            memory_mb=megabytes(settings.host_memory) if settings.host_memory else _memory_mb(),
            cpu=settings.host_cpu or len(os.sched_getaffinity(0)),
            strict_memory=bool(settings.host_memory),
            strict_cpu=settings.host_cpu > 0,
        ),
        labels=dict(pair.split("=", 1) for pair in settings.host_labels.split(",") if pair),
    )


def _memory_mb() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20

"""How a run is, by its seed: most faults are off in most runs, so that those that are on meet each other."""

from __future__ import annotations

import random
from dataclasses import dataclass

RATES = (0.01, 0.03, 0.1, 0.25)
OFF = 0.45


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Shares of requests, of system calls, or of events, as the names say; and sizes."""

    hosts: int
    steps: int
    page: int
    legacy: bool
    # Versions that a collection leaves.
    keep_last: int
    # Of requests: what becomes of them.
    lost_request: float
    lost_answer: float
    failed_though_done: float
    refused: float
    conflict: float
    broken_answer: float
    late: float
    doubled: float
    killed_at_request: float
    # Of system calls on a host with a running bot.
    bot_acts: float
    killed_at_call: float
    # What the bot does most of the time.
    habit: str
    # Weights of what happens between them.
    starts: float
    syncs: float
    stops: float
    crashes: float
    rollbacks: float
    readers: float
    collections: float
    pins: float
    volume_losses: float
    cache_losses: float
    sleeps: float
    # Of requests: before which the process falls asleep.
    dozes: float
    # Weight, too.
    salvages: float

    @classmethod
    def drawn(cls, random: random.Random) -> Profile:
        """The same for the same state of the generator."""

        def rate(scale: float = 1.0) -> float:
            return 0.0 if random.random() < OFF else random.choice(RATES) * scale

        return cls(
            hosts=random.choice((1, 1, 2, 3)),
            steps=random.choice((100, 200, 200, 400)),
            page=random.choice((2, 3, 1000)),
            legacy=random.random() < 0.15,
            keep_last=random.choice((1, 2, 4)),
            lost_request=rate(0.5),
            lost_answer=rate(),
            failed_though_done=rate(0.5),
            refused=rate(0.5),
            conflict=rate(0.5),
            broken_answer=rate(0.3),
            late=rate(),
            doubled=rate(),
            killed_at_request=rate(0.2),
            bot_acts=random.choice((0.0, 0.01, 0.05, 0.3)),
            killed_at_call=rate(0.1),
            habit=random.choice(("", "", "toggles", "hammers", "transacts")),
            starts=random.choice((1.0, 3.0)),
            syncs=random.choice((2.0, 5.0)),
            stops=rate(2.0),
            crashes=rate(8.0),
            rollbacks=rate(3.0),
            readers=rate(3.0),
            collections=rate(30.0),
            pins=rate(4.0),
            volume_losses=rate(0.5),
            cache_losses=rate(0.5),
            sleeps=rate(4.0),
            dozes=rate(0.4),
            salvages=rate(20.0),
        )

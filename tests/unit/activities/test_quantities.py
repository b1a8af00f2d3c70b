"""Quantities as people write them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from activities.definition.quantities import attempts, cpu_cores, days, megabytes, seconds, versions
from activities.errors import InvalidInput


@pytest.mark.parametrize(
    ("read", "written", "expected"),
    [
        (megabytes, 512, 512),
        (megabytes, "512", 512),
        (megabytes, 1.5, 1),
        (megabytes, "512Mi", 512),
        (megabytes, "512MB", 512),
        (megabytes, " 512 m ", 512),
        (megabytes, "1.5Gi", 1536),
        (megabytes, "2G", 2048),
        (megabytes, "1T", 1024**2),
        (megabytes, "2048k", 2),
        (cpu_cores, 2, 2),
        (cpu_cores, 0.5, 0.5),
        (cpu_cores, "0.5", 0.5),
        (cpu_cores, "500m", 0.5),
        (seconds, 0, 0),
        (seconds, 30, 30),
        (seconds, "30", 30),
        (seconds, "2.5s", 2.5),
        (seconds, "5m", 300),
        (seconds, "2h", 7200),
        (seconds, "1 d", 86400),
        (attempts, 1, 1),
        (attempts, "3", 3),
        (attempts, 2.0, 2),
        (versions, 1, 1),
        (versions, "500", 500),
        (days, 0, 0),
        (days, 30, 30),
    ],
)
def test_read(read: Callable[[object], float], written: object, expected: float) -> None:
    assert read(written) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("read", "written"),
    [
        *(
            (megabytes, each)
            for each in (0, -1, "", "x", "12x", "1k", True, None, [], {}, float("nan"), 10**30)
        ),
        *((cpu_cores, each) for each in (0, -1, "", "m", "0m", "1k", True, None, "nan", "inf", float("inf"))),
        *(
            (seconds, each)
            for each in (-1, "", "-5s", "5 weeks", "1h30", True, None, "nan", 10**400, "9" * 99)
        ),
        *((attempts, each) for each in (0, -1, 1.5, "1.5", "", "three", True, None, 1001, "²")),
        *((versions, each) for each in (0, -1, 1.5, "", "all", True, None, 10_001)),
        *((days, each) for each in (-1, 1.5, "", "30d", True, None, 3661)),
    ],
)
def test_refused_with_what_was_written(read: Callable[[object], float], written: object) -> None:
    with pytest.raises(InvalidInput) as refused:
        read(written)
    text = str(refused.value)
    assert len(text) < 200
    if isinstance(written, str | bool) and len(written if isinstance(written, str) else "") < 40:
        assert repr(written) in text

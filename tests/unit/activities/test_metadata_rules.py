"""The rules that close link-local addresses to bots, from those that are there."""

from __future__ import annotations

import pytest

from activities.backends.docker.metadata_rules import metadata_changes

MARK = "DURABOT-0123abcd"
END = f"-m comment --comment {MARK} -j REJECT --reject-with icmp-port-unreachable"
RULE = f"-A DOCKER-USER -d 169.254.0.0/16 -i br-1 {END}"
ANOTHER = RULE.replace(MARK, "DURABOT-ffffffff")
JUMP = "-A FORWARD -j DOCKER-USER"
ENGINE = ["-P FORWARD DROP", "-N DOCKER-USER", JUMP, ANOTHER, "-A DOCKER-USER -j RETURN"]


@pytest.mark.parametrize(
    ("listed", "bridges", "expected"),
    [
        pytest.param([*ENGINE, RULE], ["br-1"], [], id="as it should be"),
        pytest.param(ENGINE, ["br-1"], [f"-I DOCKER-USER 1 -d 169.254.0.0/16 -i br-1 {END}"], id="none yet"),
        pytest.param(
            [*ENGINE, RULE],
            ["br-2"],
            [f"-D {RULE[3:]}", f"-I DOCKER-USER 1 -d 169.254.0.0/16 -i br-2 {END}"],
            id="a bridge that was made anew",
        ),
        pytest.param([*ENGINE, RULE], [], [f"-D {RULE[3:]}"], id="given up"),
        pytest.param(ENGINE, [], [], id="given up before"),
        pytest.param(
            ["-P FORWARD ACCEPT"],
            ["br-1"],
            [f"-I FORWARD 1 -d 169.254.0.0/16 -i br-1 {END}"],
            id="an engine without a chain for others",
        ),
    ],
)
def test_only_what_differs_is_changed(listed: list[str], bridges: list[str], expected: list[str]) -> None:
    found = metadata_changes(listed, MARK, bridges)
    assert found == (["*filter", *expected, "COMMIT"] if expected else [])

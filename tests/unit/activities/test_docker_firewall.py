"""What the kernel's rules become, from those that are there."""

from __future__ import annotations

import pytest

from activities.backends.docker.firewall import chain_of, changes, wanted_rules

CHAIN = chain_of("0123abcd")
RULES = [
    "-A DURABOT-0123abcd -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN",
    "-A DURABOT-0123abcd -p udp -m udp --dport 53 -j RETURN",
    "-A DURABOT-0123abcd -p tcp -m tcp --dport 53 -j RETURN",
    "-A DURABOT-0123abcd -p tcp -m tcp --dport 9000 -j RETURN",
    "-A DURABOT-0123abcd -j REJECT --reject-with icmp-port-unreachable",
]
JUMP = "-A INPUT -i br-1 -j DURABOT-0123abcd"
ANOTHER = ["-N DURABOT-ffffffff", "-A INPUT -i br-9 -j DURABOT-ffffffff", "-A DURABOT-ffffffff -j REJECT"]
EMPTY = ["-P INPUT ACCEPT", "-P FORWARD DROP"]
WHOLE = [*EMPTY, f"-N {CHAIN}", "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT", JUMP, *RULES, *ANOTHER]


def test_rules_are_those_of_the_ports() -> None:
    assert wanted_rules(CHAIN, {9000}) == RULES
    assert wanted_rules(CHAIN, ()) == [rule for rule in RULES if "9000" not in rule]


@pytest.mark.parametrize(
    ("listed", "bridges", "expected"),
    [
        pytest.param(WHOLE, ["br-1"], [], id="as it should be"),
        pytest.param(
            [*EMPTY, *ANOTHER],
            ["br-1"],
            [f":{CHAIN} - [0:0]", f"-I INPUT 1 -i br-1 -j {CHAIN}", *RULES],
            id="none yet",
        ),
        pytest.param(WHOLE, ["br-1", "br-2"], [f"-I INPUT 1 -i br-2 -j {CHAIN}"], id="one more bridge"),
        pytest.param(
            WHOLE,
            ["br-2"],
            [f"-D INPUT -i br-1 -j {CHAIN}", f"-I INPUT 1 -i br-2 -j {CHAIN}"],
            id="a bridge that was made anew",
        ),
        pytest.param(
            [line for line in WHOLE if "REJECT" not in line],
            ["br-1"],
            [f":{CHAIN} - [0:0]", *RULES],
            id="a rule that somebody took away",
        ),
        pytest.param(
            [line for line in WHOLE if line != JUMP],
            ["br-1"],
            [f"-I INPUT 1 -i br-1 -j {CHAIN}"],
            id="flushed by another firewall",
        ),
        pytest.param(
            WHOLE,
            [],
            [f":{CHAIN} - [0:0]", f"-D INPUT -i br-1 -j {CHAIN}", f"-X {CHAIN}"],
            id="given up",
        ),
        pytest.param([*EMPTY, *ANOTHER], [], [], id="given up before"),
    ],
)
def test_only_what_differs_is_changed(listed: list[str], bridges: list[str], expected: list[str]) -> None:
    found = changes(listed, CHAIN, bridges, {9000})
    assert found == (["*filter", *expected, "COMMIT"] if expected else [])


def test_other_ports_are_other_rules() -> None:
    assert changes(WHOLE, CHAIN, ["br-1"], {9000, 5432})[1] == f":{CHAIN} - [0:0]"

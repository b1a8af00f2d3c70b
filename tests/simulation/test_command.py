"""``make simulate``: its exit code is true, and a failure tells how to see it again."""

from __future__ import annotations

import pytest

from tests.simulation.__main__ import main


def test_many_runs_tell_their_rate_and_that_all_held(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--seeds", "30", "--processes", "2"]) == 0
    assert "30 seeds from 0" in (out := capfd.readouterr().out)
    assert "every invariant held" in out


def test_a_failure_is_told_with_the_command_that_repeats_it(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--seeds", "50", "--processes", "1", "--mutation", "claim-without-tree"]) == 1
    line = next(line for line in capfd.readouterr().out.splitlines() if "again, with its steps" in line)
    _, _, command = line.partition("make simulate SEED=")
    seed, _, mutation = command.partition(" MUTATION=")
    assert main(["--seed", seed, "--mutation", mutation]) == 1
    out = capfd.readouterr().out
    assert f"seed {seed}: chain: generation" in out
    assert "PUT bot/log/000000000001.json if absent" in out


@pytest.mark.parametrize("arguments", [["--seeds", "0"], ["--mutation", "none-of-this-name"]])
def test_wrong_arguments_end_with_two(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    try:
        code: object = main(arguments)
    except SystemExit as error:
        code = error.code
    assert code == 2
    assert capfd.readouterr().err

"""Percentiles, goals and what is written; a wrong one would make every number wrong."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench import summary
from bench.__main__ import QUESTIONS, main
from bench.result import Goal, Result, Series
from bench.strip_chart import draw

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("values", "p50", "p99"),
    [
        ([7], 7, 7),
        ([4, 1, 3, 2], 2, 4),
        (list(range(1, 101)), 50, 99),
        (list(range(1, 41)), 20, 40),
    ],
)
def test_percentiles_are_samples_by_nearest_rank(values: list[float], p50: float, p99: float) -> None:
    series = Series(name="x", values=values)
    assert (series.p50, series.p99) == (p50, p99)


def result() -> Result:
    return Result(
        question="How <fast>?",
        unit="ms",
        series=[Series(name="ours", values=[20, 0, 900]), Series(name="least", values=[1.5], floor=True)],
        goals=[Goal(what="p50", value=20, limit=20, unit="ms"), Goal(what="x", value=3, limit=2, unit="%")],
        facts={"steps": {"first": 1.23456}},
    )


def test_a_result_keeps_every_sample_and_says_which_goals_are_missed(tmp_path: Path) -> None:
    result().write(tmp_path / "r.json")
    found = json.loads((tmp_path / "r.json").read_text())
    assert [series["values"] for series in found["series"]] == [[20, 0, 900], [1.5]]
    assert [goal["reached"] for goal in found["goals"]] == [True, False]
    assert found["facts"] == {"steps": {"first": 1.235}}
    assert found["machine"]["cores"] >= 1


def test_the_table_has_what_was_measured_and_nothing_else(tmp_path: Path) -> None:
    result().write(tmp_path / "first.json")
    summary.write(tmp_path, ["absent", "first"])
    text = (tmp_path / "README.md").read_text()
    assert "| p50 | first | 20 ms | 20 | reached |" in text
    assert "| x | first | 3 % | 2 | **missed** |" in text
    assert "| least (floor) | first | ms | 1.5 | 1.5 | 1 |" in text
    assert "first.svg" in text and "absent" not in text


def test_a_picture_has_a_dot_for_each_sample_and_a_line_for_each_goal_of_its_unit() -> None:
    picture = ElementTree.fromstring(draw(result()))
    tags = [element.tag.rpartition("}")[2] for element in picture.iter()]
    assert tags.count("circle") == 4
    assert sum("stroke-dasharray" in element.attrib for element in picture.iter()) == 1
    for element in picture.iter():
        assert 0 <= float(element.get("cx", "0")) <= float(picture.attrib["width"])


def test_every_question_is_described_and_an_unknown_one_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    described = (ROOT / "bench" / "README.md").read_text()
    for name in QUESTIONS:
        assert (ROOT / "bench" / f"{name}.py").is_file()
        assert f"`{name}`" in described
    assert main(["no-such"]) == 2
    assert "no-such" in capsys.readouterr().err


def test_what_is_of_one_backend_alone_is_refused_with_the_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["state_sync", "--backend", "docker"]) == 2
    assert "state_sync: not with --backend docker" in capsys.readouterr().err


@pytest.mark.parametrize("steps", ["10,5", "0,5", "5,5", "few"])
def test_the_steps_of_a_fleet_rise(steps: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["docker_fleet", "--bots", steps])
    assert ended.value.code == 2
    assert "--bots" in capsys.readouterr().err

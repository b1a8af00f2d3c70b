"""What the engine says of containers, networks and events, as ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from activities.backends.docker.events import event_of
from activities.backends.docker.found import running_state, seconds, state_of
from activities.backends.docker.labels import labels_of
from activities.backends.docker.network import gateway_of
from activities.backends.layout import ContainerFiles
from activities.errors import BackendUnavailable
from activities.ports import ContainerEvent, ContainerSpec

LABELS = labels_of(ContainerSpec(name="b.r1", bot_id="b", run_id="1", labels={"a": "b"}), "0123abcd")


def inspected(status: str, code: int = 0, oom: bool = False) -> dict[str, Any]:
    state = {
        "Status": status,
        "ExitCode": code,
        "OOMKilled": oom,
        "StartedAt": "2026-01-02T03:04:05.123456789Z",
        "FinishedAt": "2026-01-02T03:04:06.5Z",
    }
    return {"Config": {"Labels": LABELS}, "State": state}


def files_with(directory: Path, report: dict[str, object] | None) -> ContainerFiles:
    files = ContainerFiles(root=directory, name="b.r1")
    files.var.mkdir(parents=True)
    (files.var / "status.json").write_text('{"phase": "running"}')
    if report is not None:
        (files.var / "report.json").write_text(json.dumps(report))
    return files


@pytest.mark.parametrize(
    ("status", "phase"),
    [("running", "running"), ("paused", "running"), ("exited", "exited"), ("dead", "exited")],
)
def test_phases(tmp_path: Path, status: str, phase: str) -> None:
    found = state_of(inspected(status), files_with(tmp_path, {"exit_code": 0}))
    assert found is not None
    assert found.phase == phase
    assert (found.exit_report is None) == (phase == "running")
    assert (found.finished_at == 0) == (phase == "running")
    assert found.status == {"phase": "running"}
    assert found.labels == {"a": "b"}


@pytest.mark.parametrize("status", ["created", "removing", "unheard of"])
def test_what_never_started_or_goes_away_is_none(tmp_path: Path, status: str) -> None:
    assert state_of(inspected(status), files_with(tmp_path, None)) is None


def test_containers_of_others_are_none(tmp_path: Path) -> None:
    foreign = inspected("running") | {"Config": {"Labels": None}}
    assert state_of(foreign, files_with(tmp_path, None)) is None


@pytest.mark.parametrize(
    ("code", "told", "reported", "signal", "oom"),
    [
        (137, True, False, 9, True),
        (137, False, False, 9, False),
        # A process of the bot was killed, and the agent told of it.
        (137, True, True, 0, False),
        # A process of the bot was killed, and the agent by somebody else.
        (143, True, False, 15, False),
        (3, False, False, 0, False),
    ],
)
def test_why_it_ended(tmp_path: Path, code: int, told: bool, reported: bool, signal: int, oom: bool) -> None:
    report: dict[str, object] | None = {"exit_code": code} if reported else None
    found = state_of(inspected("exited", code, told), files_with(tmp_path, report))
    assert found is not None
    assert (found.exit_code, found.signal, found.oom) == (code, signal, oom)


def test_an_entry_of_the_list_is_enough_for_a_running_one(tmp_path: Path) -> None:
    summary = {"Labels": LABELS, "State": "running", "Created": 1700000000}
    found = running_state(summary, files_with(tmp_path, None))
    assert found is not None
    assert (found.name, found.phase, found.started_at) == ("b.r1", "running", 1700000000)
    assert running_state(summary | {"State": "exited"}, ContainerFiles(root=tmp_path, name="b.r1")) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1970-01-01T00:00:01.25Z", 1.25),
        ("2026-01-02T03:04:05.123456789Z", 1767323045.123456),
        ("0001-01-01T00:00:00Z", 0),
        ("", 0),
    ],
)
def test_times(text: str, found: float) -> None:
    assert seconds(text) == pytest.approx(found)


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ([{"Subnet": "172.18.0.0/16", "Gateway": "172.18.0.1"}], "172.18.0.1"),
        ([{"Subnet": "172.18.0.0/16", "Gateway": "172.18.0.254/16"}], "172.18.0.254"),
        ([{"Subnet": "10.7.0.0/24"}], "10.7.0.1"),
    ],
)
def test_this_hosts_address_on_a_network(config: list[dict[str, str]], found: str) -> None:
    assert gateway_of({"Name": "n", "IPAM": {"Config": config}}) == found


def test_a_network_without_addresses_is_refused() -> None:
    with pytest.raises(BackendUnavailable):
        gateway_of({"Name": "n", "IPAM": {"Config": None}})


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        ({"Action": "start", "Actor": {"Attributes": LABELS}}, ContainerEvent(kind="started", name="b.r1")),
        ({"Action": "die", "Actor": {"Attributes": LABELS}}, ContainerEvent(kind="exited", name="b.r1")),
        ({"Action": "destroy", "Actor": {"Attributes": LABELS}}, ContainerEvent(kind="removed", name="b.r1")),
        ({"Action": "pause", "Actor": {"Attributes": LABELS}}, None),
        ({"Action": "die", "Actor": {"Attributes": {}}}, None),
        ({"Action": "die"}, None),
    ],
)
def test_events(raw: dict[str, Any], found: ContainerEvent | None) -> None:
    assert event_of(raw) == found

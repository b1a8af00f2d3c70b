"""What the engine is asked to create, and what the agent is handed: see tests/golden/docker-*.json."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from activities.backends.docker.create import agent_environment, create_arguments
from activities.backends.docker.labels import labels_of, registered
from activities.backends.layout import ContainerFiles, state_files
from activities.messages import RunContainer
from activities.ports import ContainerSpec
from activities.specs import container_spec
from tests.unit.test_golden import FULL, LEAST, QUERY, STORAGE, WAITING, check

IMAGE_ENVIRONMENT = ["PATH=/opt/bin:/usr/bin", "LANG=C.UTF-8", "BOT_ID=not this one", "broken"]


def created(spec: ContainerSpec) -> dict[str, object]:
    files = ContainerFiles(root=Path("/data/docker"), name=spec.name)
    return create_arguments(
        spec,
        installation="0123abcd",
        image="durabot-runtime:latest",
        network="durabot-0123abcd",
        files=files,
        state=state_files(files.root, spec.bot_id, files, spec.kind),
    )


@pytest.mark.parametrize(
    ("name", "request_"),
    [
        ("docker-realtime", RunContainer(spec=LEAST, run_id="r1")),
        ("docker-scheduled", RunContainer(spec=FULL, run_id="r1")),
        ("docker-query", RunContainer(spec=FULL, run_id="r1", query=QUERY)),
        ("docker-salvage", RunContainer(spec=FULL, run_id="r1", salvage=2)),
    ],
)
def test_containers(name: str, request_: RunContainer) -> None:
    check(name, created(container_spec(request_, STORAGE, WAITING)))


def test_no_credential_is_shown_by_an_inspection() -> None:
    spec = container_spec(RunContainer(spec=FULL, run_id="r1", query=QUERY), STORAGE, WAITING)
    shown = json.dumps(created(spec))
    for value in (STORAGE.access_key, STORAGE.secret_key, "MINIO", "symbol"):
        assert value not in shown


def test_the_agent_gets_the_images_variables_under_its_own() -> None:
    spec = ContainerSpec(name="b.r1", bot_id="b", run_id="1", env={"BOT_ID": "b"}, stop_grace_s=2.5)
    found = agent_environment(spec, IMAGE_ENVIRONMENT, "172.18.0.1")
    assert (found["PATH"], found["LANG"], found["BOT_ID"]) == ("/opt/bin:/usr/bin", "C.UTF-8", "b")
    assert (found["DURABOT_STOP_GRACE"], found["DURABOT_SYNC_BUDGET"]) == ("2.5", "30")
    assert "broken" not in found
    assert agent_environment(spec, [], "172.18.0.1")["PATH"].startswith("/usr/local/sbin:")


@pytest.mark.parametrize(
    ("endpoint", "inside"),
    [
        ("127.0.0.1:9000", "172.18.0.1:9000"),
        ("localhost:9000", "172.18.0.1:9000"),
        ("[::1]:9000", "172.18.0.1:9000"),
        ("store:9000", "store:9000"),
        ("10.1.2.3:9000", "10.1.2.3:9000"),
    ],
)
def test_a_store_on_this_hosts_loopback_is_reached_by_the_gateway(endpoint: str, inside: str) -> None:
    spec = ContainerSpec(name="b.r1", bot_id="b", run_id="1", env={"MINIO_ENDPOINT": endpoint})
    assert agent_environment(spec, [], "172.18.0.1")["MINIO_ENDPOINT"] == inside


def test_labels_say_all_that_is_known_of_a_container() -> None:
    spec = container_spec(RunContainer(spec=FULL, run_id="r1"), STORAGE, WAITING)
    found = registered(labels_of(spec, "0123abcd"))
    assert found is not None
    for field in dataclasses.fields(found):
        assert getattr(found, field.name) == getattr(spec, field.name)


@pytest.mark.parametrize("missing", ["durabot.name", "durabot.kind", "durabot.stop_grace_s"])
def test_labels_that_are_not_wholly_ours_are_none(missing: str) -> None:
    labels = labels_of(ContainerSpec(name="b.r1", bot_id="b", run_id="1"), "0123abcd")
    del labels[missing]
    assert registered(labels) is None
    assert registered({**labels, missing: "soon"} if "grace" in missing else {}) is None

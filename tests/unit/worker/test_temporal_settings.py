"""The two ways to start a Temporal server of ours give it the same values."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from worker.embedded.temporal_server import DYNAMIC_CONFIG

DEPLOYED = Path(__file__).parents[3] / "deploy" / "temporal" / "dynamic.yaml"


def test_the_server_of_compose_is_tuned_as_the_embedded_one() -> None:
    deployed = {name: value for name, [value] in yaml.safe_load(DEPLOYED.read_text()).items()}
    embedded = {
        name: {"value": json.loads(text)}
        for name, _, text in (each.partition("=") for each in DYNAMIC_CONFIG)
    }
    assert deployed == embedded

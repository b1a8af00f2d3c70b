"""Settings reach the processes that are started with them."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from worker.settings import Settings

SECRETS = [name for name, field in Settings.model_fields.items() if field.annotation is SecretStr]


@pytest.mark.parametrize("name", SECRETS)
def test_secrets_reach_a_child_as_they_are(name: str) -> None:
    found = Settings(**{name: "id:c2VjcmV0"}).environment()  # type: ignore[arg-type]  # each is text
    assert found[f"DURABOT_{name.upper()}"] == "id:c2VjcmV0"
    assert not [value for value in found.values() if "*" in value]


def test_a_childs_settings_are_its_parents(monkeypatch: pytest.MonkeyPatch) -> None:
    parent = Settings(s3_secure=True, gateway_port=1, gateway_token=SecretStr("a"), docker_open_ports="1,2")
    for name, value in parent.environment().items():
        monkeypatch.setenv(name, value)
    assert Settings() == parent

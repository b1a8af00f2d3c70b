"""The environment contract, as tables."""

from __future__ import annotations

import json

import pytest

from agent import contract
from agent.errors import ConfigurationError

BASE = {"BOT_ID": "b", "RUNTIME": "python3.11", "ENTRYPOINT": "main.py"}
SECRETS = {"MINIO_ENDPOINT": "h:1", "MINIO_ACCESS_KEY": "a", "MINIO_SECRET_KEY": "s", "DURABOT_TOKEN": "t"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"BOT_ID": ""}, "BOT_ID is not set"),
        ({"RUNTIME": ""}, "RUNTIME is not set"),
        ({"ENTRYPOINT": ""}, "ENTRYPOINT is not set"),
        ({"RUNTIME": "cobol"}, "'cobol', not one of"),
        ({"ENTRYPOINT": "../x"}, "outside"),
        ({"ENTRYPOINT": "/bin/sh"}, "outside"),
        ({"QUERY_ENTRYPOINT": "a/../../x"}, "outside"),
        ({"BOT_CONFIG": "{"}, "BOT_CONFIG is not JSON"),
        ({"BOT_CONFIG": "[]"}, "BOT_CONFIG is not a JSON object"),
        ({"QUERY_PARAMS": "1"}, "QUERY_PARAMS is not a JSON object"),
        ({"MAX_STATE_SIZE_MB": "-1"}, "MAX_STATE_SIZE_MB"),
    ],
)
def test_a_wrong_variable_is_named(change: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        contract.read(BASE | change)


def test_the_bot_sees_the_contract_and_no_credential() -> None:
    given = BASE | SECRETS | {"BOT_CONFIG": '{"name": "ü"}', "QUERY_PATH": "/x", "PATH": "/bin"}
    seen = contract.bot_environment(contract.read(given), given, query=False)
    assert "QUERY_PATH" not in seen
    assert not SECRETS.keys() & seen.keys()
    assert seen["BOT_CONFIG"] == '{"name": "\\u00fc"}'
    assert seen["PYTHONPATH"] == "/bot/vendor:/bot"
    assert seen["CODE_MOUNT_DIR"] == "bot"


def test_the_configuration_is_the_text_that_was_given_in_ascii() -> None:
    text = '{"price": 0.12345678901234567890, "huge": 1e400, "one": 1.0, "text": "ü\U0001f600\\n"}'
    config = contract.read(BASE | {"BOT_CONFIG": text}).config
    assert config.isascii()
    assert config == text.replace("ü", "\\u00fc").replace("\U0001f600", "\\ud83d\\ude00")
    assert json.loads(config) == json.loads(text)


@pytest.mark.parametrize(
    ("runtime", "parameters"),
    [
        ("python3.11", {"n": 1, "s": "x", "l": [1, "a"]}),
        ("gcc13", {"n": 1, "s": "x", "l": [1, "a"]}),
        ("rust-stable", {"n": "1", "s": "x", "l": '[1,"a"]'}),
        ("scala3", {"n": "1", "s": "x", "l": '[1,"a"]'}),
    ],
)
def test_query_parameters_by_runtime(runtime: str, parameters: dict[str, object]) -> None:
    given = BASE | {
        "RUNTIME": runtime,
        "QUERY_PATH": "p",
        "QUERY_PARAMS": '{"n": 1, "s": "x", "l": [1, "a"]}',
    }
    seen = contract.bot_environment(contract.read(given), given, query=True)
    assert seen["QUERY_PATH"] == "/p"
    assert json.loads(seen["QUERY_PARAMS"]) == parameters
    assert (seen["QUERY_PARAM_n"], seen["QUERY_PARAM_s"]) == ("1", "x")

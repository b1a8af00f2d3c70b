"""What a schema marks as secret."""

from __future__ import annotations

from typing import Any

import pytest

from activities.definition.secret_fields import Path, secret_paths

SECRET = {"type": "string", "writeOnly": True}
PASSWORD = {"type": "string", "format": "password"}


@pytest.mark.parametrize(
    ("schema", "config", "paths"),
    [
        ({}, {"a": 1}, []),
        (True, {"a": 1}, []),
        ({"properties": {"a": SECRET}}, {"a": "x", "b": "y"}, [("a",)]),
        ({"properties": {"a": PASSWORD}}, {"a": "x"}, [("a",)]),
        ({"properties": {"a": SECRET}}, {}, []),
        ({"properties": {"a": {"writeOnly": False, "format": "date"}}}, {"a": "x"}, []),
        ({"properties": {"a": {"properties": {"b": SECRET}}}}, {"a": {"b": 1, "c": 2}}, [("a", "b")]),
        ({"properties": {"a": {"writeOnly": True, "properties": {"b": SECRET}}}}, {"a": {"b": 1}}, [("a",)]),
        ({"properties": {"a": {"items": SECRET}}}, {"a": ["x", "y"]}, [("a", 0), ("a", 1)]),
        ({"properties": {"a": {"items": [{}, SECRET]}}}, {"a": [1, 2, 3]}, [("a", 1)]),
        (
            {"properties": {"a": {"items": [{}], "additionalItems": SECRET}}},
            {"a": [1, 2, 3]},
            [("a", 1), ("a", 2)],
        ),
        ({"additionalProperties": SECRET, "properties": {"b": {}}}, {"a": 1, "b": 2}, [("a",)]),
        ({"patternProperties": {"_key$": SECRET}}, {"api_key": 1, "b": 2}, [("api_key",)]),
        ({"anyOf": [{}, {"properties": {"a": SECRET}}]}, {"a": 1}, [("a",)]),
        ({"if": {}, "then": {"properties": {"a": SECRET}}}, {"a": 1}, [("a",)]),
        (
            {"definitions": {"s": SECRET}, "properties": {"a": {"$ref": "#/definitions/s"}}},
            {"a": 1},
            [("a",)],
        ),
        ({"properties": {"a": {"$ref": "#/no/where"}}}, {"a": 1}, []),
        ({"properties": {"a": {"$ref": "other.json#/s"}}}, {"a": 1}, []),
        ({"properties": {"a": {"$ref": "#/properties/a"}}}, {"a": {"a": 1}}, []),
        ({"properties": {"c": {"$ref": "#"}, "a": SECRET}}, {"c": {"c": {"a": 1}}}, [("c", "c", "a")]),
        ({"allOf": [{"$ref": "#"}, {"properties": {"a": SECRET}}]}, {"a": 1}, [("a",)]),
        ({"properties": [], "items": 3, "allOf": "x", "patternProperties": 1}, {"a": 1}, []),
    ],
)
def test_where_secrets_are(schema: Any, config: Any, paths: list[Path]) -> None:
    assert secret_paths(schema, config) == paths

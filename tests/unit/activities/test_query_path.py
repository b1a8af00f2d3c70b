"""Which paths a query may have."""

from __future__ import annotations

import pytest

from activities.errors import InvalidInput
from activities.query_path import query_path


@pytest.mark.parametrize(
    ("given", "path"),
    [("p", "/p"), ("/p", "/p"), ("a/b", "/a/b"), ("", "/"), ("/ü?x=1#y", "/ü?x=1#y"), ("/a//b", "/a//b")],
)
def test_a_path_gets_one_slash_and_is_left_alone(given: str, path: str) -> None:
    assert query_path(given) == path
    assert query_path(path) == path


@pytest.mark.parametrize("given", ["//host/p", "/p\n", "p\0BOT_ID=x", "\x7f", "\\\\host", "/\ud800"])
def test_what_could_name_something_else_is_refused(given: str) -> None:
    with pytest.raises(InvalidInput):
        query_path(given)

"""What of this machine's way to its registries a container gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from activities.packaging.registries import Registries, pip_settings, registries


@pytest.mark.parametrize(
    ("listed", "found"),
    [
        ("", {}),
        ("global.index-url='https://a/simple'", {"index_url": "https://a/simple"}),
        ("global.cert='/a'\n:env:.cert='/b'\ninstall.cert='/c'", {"cert": "/b"}),
        ("install.extra-index-url='\\nhttps://a\\nhttps://b'", {"extra_index_url": "https://a https://b"}),
        # Where to install is not the container's affair, nor is what other commands do.
        ("global.target='/opt'\n:env:.cache-dir='/x'\ndownload.cert='/d'", {}),
        ("global.timeout=no literal\nrubbish", {}),
    ],
)
def test_pip_s_own_settings_in_pip_s_own_order(listed: str, found: dict[str, str]) -> None:
    assert pip_settings(listed) == found


def test_variables_of_proxies_certificates_and_npm_with_the_files_that_they_name(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_text("")
    given = {
        "https_proxy": "http://proxy:3128",
        "NO_PROXY": "localhost",
        "SSL_CERT_FILE": str(bundle),
        "NPM_CONFIG_REGISTRY": "https://npm/",
        "npm_config_prefix": "/usr/local",
        "SECRET": "not for anybody",
        "CURL_CA_BUNDLE": "/nowhere/at/all",
    }
    found = registries(given)
    assert {name: found.environment[name] for name in given if name in found.environment} == {
        name: value for name, value in given.items() if name not in ("SECRET", "npm_config_prefix")
    }
    assert bundle in found.paths
    assert Path("/nowhere/at/all") not in found.paths


@pytest.mark.parametrize(
    ("address", "near"),
    [
        ("http://127.0.0.1:8081/simple", True),
        ("https://user:word@localhost/simple", True),
        ("http://[::1]:1", True),
        ("https://mirror.example/simple", False),
    ],
)
def test_a_registry_on_this_host_alone_is_noticed(address: str, near: bool) -> None:
    assert Registries(environment={"PIP_INDEX_URL": address}).on_loopback is near


def test_no_address_is_shown_by_accident() -> None:
    assert "word" not in repr(Registries(environment={"PIP_INDEX_URL": "https://user:word@host/"}))

"""Dependencies of Python bots, installed by the real pip, which needs no registry for a file of its own."""

from __future__ import annotations

import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from activities.packaging.archive import pack
from activities.packaging.installer import HostInstaller, InstallFailed
from activities.packaging.vendor import install, required


@pytest.fixture(autouse=True)
def no_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")


def wheel(directory: Path) -> Path:
    """A wheel is a zip: one module and its metadata."""
    path = directory / "small-1.0-py3-none-any.whl"
    about = "small-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("small.py", "VALUE = 1\n")
        archive.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: small\nVersion: 1.0\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/entry_points.txt", "[console_scripts]\nsmall = small:VALUE\n")
        archive.writestr(f"{about}/RECORD", "")
    return path


def bot(directory: Path, requirements: str) -> Path:
    directory.mkdir()
    (directory / "main.py").write_text("")
    (directory / "requirements.txt").write_text(f"{requirements}\n")
    return directory


def test_requirements_are_installed_once_and_equal_ones_give_equal_code(tmp_path: Path) -> None:
    directory = bot(tmp_path / "bot", str(wheel(tmp_path)))
    told: list[str] = []
    first = install(directory, tmp_path / "cache", HostInstaller(), told.append)
    assert first is not None
    assert (first / "vendor/small.py").read_text() == "VALUE = 1\n"
    assert any("small" in line for line in told)
    told.clear()
    assert install(directory, tmp_path / "cache", HostInstaller(), told.append) == first
    assert told == ["dependencies are unchanged"]
    again = install(directory, tmp_path / "other", HostInstaller(), told.append)
    assert again is not None
    one, two = pack([directory, first], tmp_path / "1.zip"), pack([directory, again], tmp_path / "2.zip")
    assert one.sha256 == two.sha256
    # Scripts hold the path of an interpreter that the bot will not have.
    assert not (first / "vendor/bin").exists()


def test_the_same_requirements_of_several_bots_at_once(tmp_path: Path) -> None:
    small = wheel(tmp_path)
    bots = [bot(tmp_path / f"bot{number}", str(small)) for number in range(3)]
    with ThreadPoolExecutor(len(bots)) as pool:
        found = list(
            pool.map(lambda each: install(each, tmp_path / "cache", HostInstaller(), lambda _: None), bots)
        )
    assert len(set(found)) == 1
    assert found[0] is not None
    assert (found[0] / "vendor/small.py").read_text() == "VALUE = 1\n"
    assert [path for path in (tmp_path / "cache").iterdir()] == [found[0]]


def test_what_cannot_be_installed_says_why_again_and_again(tmp_path: Path) -> None:
    directory = bot(tmp_path / "bot", "no-such-package-anywhere")
    for _ in range(2):
        with pytest.raises(InstallFailed, match="no-such-package-anywhere"):
            install(directory, tmp_path / "cache", HostInstaller(), lambda line: None)


def test_a_bot_that_brings_its_own_or_needs_nothing_installs_nothing(tmp_path: Path) -> None:
    own = bot(tmp_path / "own", "no-such-package-anywhere")
    (own / "vendor").mkdir()
    none = bot(tmp_path / "none", "")
    (none / "requirements.txt").unlink()
    for directory in (own, none):
        assert not required(directory)

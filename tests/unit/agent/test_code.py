"""Code archives, good and hostile."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest

from agent import code
from agent.code import BadCode


def entry(name: str, mode: int = stat.S_IFREG | 0o644) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = mode << 16
    return info


def pack(path: Path, *members: tuple[zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for info, data in members:
            archive.writestr(info, data, zipfile.ZIP_DEFLATED)
    return path


def test_files_modes_and_inner_links_come_out(tmp_path: Path) -> None:
    archive = pack(
        tmp_path / "a.zip",
        (entry("bin/bot", stat.S_IFREG | 0o755), b"#!"),
        (entry("main.py"), b"x = 1"),
        (entry("link", stat.S_IFLNK | 0o777), b"bin/bot"),
    )
    root = tmp_path / "bot"
    code.extract(archive, root)
    assert (root / "bin" / "bot").stat().st_mode & 0o111
    assert not (root / "main.py").stat().st_mode & 0o111
    assert (root / "link").read_bytes() == b"#!"


@pytest.mark.parametrize(
    ("name", "mode", "data", "message"),
    [
        ("../out", stat.S_IFREG | 0o644, b"x", "outside"),
        ("a/../../out", stat.S_IFREG | 0o644, b"x", "outside"),
        ("/out", stat.S_IFREG | 0o644, b"x", "outside"),
        ("..\\out", stat.S_IFREG | 0o644, b"x", "outside"),
        ("C:/out", stat.S_IFREG | 0o644, b"x", "outside"),
        ("link", stat.S_IFLNK | 0o777, b"../out", "points outside"),
        ("link", stat.S_IFLNK | 0o777, b"/etc/passwd", "points outside"),
        ("device", stat.S_IFCHR | 0o644, b"", "neither"),
        ("fifo", stat.S_IFIFO | 0o644, b"", "neither"),
    ],
)
def test_an_entry_that_leaves_the_code_is_refused(
    tmp_path: Path, name: str, mode: int, data: bytes, message: str
) -> None:
    archive = pack(tmp_path / "a.zip", (entry(name, mode), data))
    with pytest.raises(BadCode, match=message):
        code.extract(archive, tmp_path / "deep" / "bot")
    assert not list(tmp_path.rglob("out"))


def test_a_link_cannot_be_written_through(tmp_path: Path) -> None:
    archive = pack(
        tmp_path / "a.zip",
        (entry("dir", stat.S_IFLNK | 0o777), b"."),
        (entry("dir/file"), b"x"),
    )
    with pytest.raises(BadCode, match="in the way"):
        code.extract(archive, tmp_path / "bot")


def test_bombs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code, "RATIO_FROM_BYTES", 1 << 20)
    with pytest.raises(BadCode, match="unpacks to over"):
        code.extract(pack(tmp_path / "ratio.zip", (entry("zeros"), bytes(8 << 20))), tmp_path / "a")
    monkeypatch.setattr(code, "MAX_ENTRIES", 3)
    many = pack(tmp_path / "many.zip", *((entry(str(n)), b"") for n in range(4)))
    with pytest.raises(BadCode, match="4 entries"):
        code.extract(many, tmp_path / "b")


def test_what_is_no_zip_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"no zip at all")
    with pytest.raises(BadCode, match="cannot be read"):
        code.extract(tmp_path / "a.zip", tmp_path / "bot")


@pytest.mark.parametrize("names", [("through", "deep/er/up"), ("deep/er/up", "through")])
def test_links_that_leave_the_code_only_together_are_refused(tmp_path: Path, names: tuple[str, str]) -> None:
    targets = {"deep/er/up": b"../../top", "through": b"deep/er/up/../.."}
    archive = pack(
        tmp_path / "a.zip",
        (entry("top/file"), b"x"),
        *((entry(name, stat.S_IFLNK | 0o777), targets[name]) for name in names),
    )
    with pytest.raises(BadCode, match="points outside"):
        code.extract(archive, tmp_path / "bot")


def test_a_directory_in_the_place_of_a_file_is_told(tmp_path: Path) -> None:
    archive = pack(tmp_path / "a.zip", (entry("a"), b"x"), (entry("a/b/", stat.S_IFDIR | 0o755), b""))
    with pytest.raises(BadCode, match="in the way"):
        code.extract(archive, tmp_path / "bot")

"""Good code archives; hostile ones are in tests/security."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

from agent import code


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

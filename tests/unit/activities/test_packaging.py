"""A bot's code as a zip: its bytes depend on the code alone, and it holds what a bot needs and no more."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from activities.packaging.archive import Archive, CannotPack, pack


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def names(archive: Archive) -> list[str]:
    with zipfile.ZipFile(archive.path) as found:
        assert found.testzip() is None
        return found.namelist()


def test_the_same_code_gives_the_same_bytes_wherever_and_whenever(tmp_path: Path) -> None:
    files = {"main.py": "x", "lib/a.py": "1", "lib/b.py": "2", "data/long.txt": "0" * 100_000}
    one = write(tmp_path / "one", files)
    two = write(tmp_path / "two", dict(reversed(files.items())))
    os.utime(two / "main.py", (1, 1))
    (two / "lib/a.py").chmod(0o600)
    first, second = pack([one], tmp_path / "1.zip"), pack([two], tmp_path / "2.zip")
    assert first.sha256 == second.sha256
    assert first.path.read_bytes() == second.path.read_bytes()
    assert (first.files, first.size) == (4, first.path.stat().st_size)
    assert names(first) == sorted(files)
    (two / "lib/a.py").write_text("3")
    assert pack([two], tmp_path / "3.zip").sha256 != first.sha256


@pytest.mark.parametrize("change", ["executable", "name", "link"])
def test_what_a_bot_could_tell_changes_the_hash(tmp_path: Path, change: str) -> None:
    root = write(tmp_path / "bot", {"main.py": "x"})
    before = pack([root], tmp_path / "1.zip").sha256
    if change == "executable":
        (root / "main.py").chmod(0o755)
    elif change == "name":
        (root / "main.py").rename(root / "main2.py")
    else:
        (root / "link").symlink_to("main.py")
    assert pack([root], tmp_path / "2.zip").sha256 != before


def test_what_is_never_packed(tmp_path: Path) -> None:
    kept = [
        "main.py",
        "vendor/x/y.py",
        "node_modules/z/index.js",
        ".gitignore",
        "sub/result.json",
        "build/bot",
    ]
    ignored = [
        ".git/config", "__pycache__/a.pyc", "sub/__pycache__/a.pyc", "b.pyc", ".venv/bin/python", "venv/x",
        ".env", "sub/.env", ".DS_Store", "result.json", ".durabotignore",
    ]  # fmt: skip
    root = write(tmp_path / "bot", {name: "x" for name in [*kept, *ignored]})
    (root / ".durabotignore").write_text("")
    # Git's own rules usually name what has to be deployed.
    (root / ".gitignore").write_text("vendor/\nbuild/\n")
    assert names(pack([root], tmp_path / "a.zip")) == sorted(kept)


def test_own_ignore_rules_are_gits(tmp_path: Path) -> None:
    files = [
        "main.py",
        "notes/a.md",
        "notes/keep.md",
        "data/a.csv",
        "sub/data/a.csv",
        "x.log",
        "deep/y.log",
        "# 1",
    ]
    root = write(tmp_path / "bot", {name: "x" for name in files})
    (root / ".durabotignore").write_text("# a comment\n\n*.log\n/data/\nnotes/*\n!notes/keep.md\n")
    assert names(pack([root], tmp_path / "a.zip")) == ["# 1", "main.py", "notes/keep.md", "sub/data/a.csv"]


def test_installed_dependencies_come_second_and_ignore_rules_are_not_theirs(tmp_path: Path) -> None:
    root = write(tmp_path / "bot", {"main.py": "mine", ".durabotignore": "*.txt\n", "a.txt": "x"})
    installed = write(tmp_path / "installed", {"vendor/p/licence.txt": "y", "main.py": "theirs"})
    found = pack([root, installed], tmp_path / "a.zip")
    assert names(found) == ["main.py", "vendor/p/licence.txt"]
    with zipfile.ZipFile(found.path) as archive:
        assert archive.read("main.py") == b"mine"


def test_links_inside_stay_links_and_those_outside_are_refused(tmp_path: Path) -> None:
    root = write(tmp_path / "bot", {"main.py": "x", "lib/real.py": "y"})
    (root / "lib/alias.py").symlink_to("real.py")
    (root / "up.py").symlink_to("lib/../main.py")
    with zipfile.ZipFile(pack([root], tmp_path / "a.zip").path) as archive:
        assert archive.read("lib/alias.py") == b"real.py"
        assert archive.getinfo("lib/alias.py").external_attr >> 16 == 0o120777
    for target in ("../outside", "/etc/passwd", "lib/../../outside"):
        (root / "bad").symlink_to(target)
        with pytest.raises(CannotPack, match=r"bad is a link to .*outside of the bot's directory"):
            pack([root], tmp_path / "b.zip")
        (root / "bad").unlink()


def test_what_cannot_be_packed_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(CannotPack, match="has no files to deploy"):
        pack([tmp_path / "empty"], tmp_path / "a.zip")
    root = write(tmp_path / "bot", {"main.py": "x"})
    os.mkfifo(root / "pipe")
    with pytest.raises(CannotPack, match="pipe is neither a file nor a directory"):
        pack([root], tmp_path / "b.zip")

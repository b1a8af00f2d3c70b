"""Hostile code zips: each is refused with a typed line, in little memory, and nothing of it is anywhere."""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.support.bounded import Bounded
from tests.support.raw_zip import Raw, end64, raw_zip
from worker.cli.app import app

MOST_MB = 320
BZIP2, LZMA, IMPLODE = 12, 14, 6
DICTIONARY_OF_4_GIB = b"\x09\x04\x05\x00\x5d\xff\xff\xff\xff"
MAIN = Raw(name=b"main.py", data=b"def main(bot_id, config):\n    pass\n")


@dataclass(frozen=True, slots=True)
class Case:
    """Made only when it is run: some are large. ``words`` are of the message."""

    make: Callable[[], bytes]
    words: str


def link(name: str, target: str) -> Raw:
    return Raw(name=name.encode(), data=target.encode(), mode=stat.S_IFLNK | 0o777)


def special(name: str, kind: int) -> Raw:
    return Raw(name=name.encode(), mode=kind | 0o644)


def zeros(name: bytes, size: int) -> Raw:
    return Raw(name=name, data=bytes(size))


def named(pattern: bytes, count: int) -> list[Raw]:
    return [Raw(name=pattern % number) for number in range(count)]


def overlapping() -> bytes:
    """Many names of one large piece: the archive's list is nearly all of it."""
    first = Raw(name=b"a", data=bytes(30 << 20))
    return raw_zip(first, *(Raw(name=b"%d" % n, data=first.data, offset=0) for n in range(2)))


def nested_in_each_other() -> bytes:
    """An entry whose bytes are a whole other entry."""
    inner = raw_zip(MAIN)[: 30 + len(MAIN.name) + len(MAIN.bytes_in_file())]
    outer = Raw(name=b"outer", data=inner, method=0)
    return raw_zip(outer, Raw(name=MAIN.name, data=MAIN.data, offset=30 + len(outer.name)))


def long_list(entries: int) -> bytes:
    """So many empty entries that only the list of them is large."""
    one = Raw(name=b"x" * 200, method=0)
    archive = raw_zip(one)
    body, listed = 30 + 200, 46 + 200
    record = archive[body : body + listed]
    large = record * entries
    return archive[:body] + large + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 0, 0, len(large), body, 0)


def patched(archive: bytes, before: bytes, after: bytes) -> bytes:
    assert before in archive
    return archive.replace(before, after)


CASES = {
    # Names.
    "up": Case(lambda: raw_zip(Raw(name=b"../out")), "outside the code"),
    "up in the middle": Case(lambda: raw_zip(Raw(name=b"a/../../out")), "outside the code"),
    "up by a Windows separator": Case(lambda: raw_zip(Raw(name=b"..\\out")), "outside the code"),
    "up by both separators": Case(lambda: raw_zip(Raw(name=b"a\\..\\../..\\out")), "outside the code"),
    "absolute": Case(lambda: raw_zip(Raw(name=b"/tmp/out")), "outside the code"),
    "two slashes": Case(lambda: raw_zip(Raw(name=b"//server/share/out")), "outside the code"),
    "a Windows share": Case(lambda: raw_zip(Raw(name=b"\\\\server\\share\\out")), "outside the code"),
    "a drive": Case(lambda: raw_zip(Raw(name=b"C:\\out")), "outside the code"),
    "a drive without a slash": Case(lambda: raw_zip(Raw(name=b"c:out")), "outside the code"),
    "a directory above": Case(lambda: raw_zip(special("../out/", stat.S_IFDIR)), "outside the code"),
    "a line end": Case(lambda: raw_zip(Raw(name=b"a\nb")), "control characters"),
    "a terminal's command": Case(lambda: raw_zip(Raw(name=b"\x1b[2Jx")), "control characters"),
    "a zero byte": Case(lambda: raw_zip(Raw(name=b"main.py\0.txt")), "control characters"),
    "a zero byte at once": Case(lambda: raw_zip(Raw(name=b"\0")), "control characters"),
    "no UTF-8": Case(lambda: raw_zip(Raw(name=b"\xff\xfe.py")), "cannot be read"),
    "a name of 300 letters": Case(lambda: raw_zip(Raw(name=b"n" * 300)), "too long"),
    "a path of 3,000 letters": Case(lambda: raw_zip(Raw(name=b"/".join([b"n" * 200] * 15))), "too long"),
    "1,000 directories in each other": Case(lambda: raw_zip(Raw(name=b"d/" * 1000 + b"f")), "nests"),
    "twice": Case(lambda: raw_zip(MAIN, MAIN), "two entries named 'main.py'"),
    "twice, by another way": Case(lambda: raw_zip(MAIN, Raw(name=b"a/.././main.py")), "two entries"),
    "twice to the eye": Case(
        lambda: raw_zip(Raw(name="\u00e9.py".encode()), Raw(name="e\u0301.py".encode())), "two entries"
    ),
    "a file where a directory is": Case(lambda: raw_zip(Raw(name=b"a/b"), Raw(name=b"a")), "in the way"),
    "a directory where a file is": Case(lambda: raw_zip(Raw(name=b"a"), Raw(name=b"a/b")), "in the way"),
    # Kinds.
    "a link out": Case(lambda: raw_zip(link("l", "../out")), "points outside"),
    "an absolute link": Case(lambda: raw_zip(link("l", "/etc/passwd")), "points outside"),
    "a link to nothing": Case(lambda: raw_zip(link("l", "")), "points outside"),
    "a link of a megabyte": Case(lambda: raw_zip(link("l", "a/" * 500_000)), "points outside"),
    "a link with a zero byte": Case(lambda: raw_zip(link("l", "a\0b")), "cannot be read"),
    "a file through a link": Case(lambda: raw_zip(link("l", "."), Raw(name=b"l/x")), "in the way"),
    "a file through a link out": Case(lambda: raw_zip(link("l", "/"), Raw(name=b"l/out")), "outside"),
    "links that leave together": Case(
        lambda: raw_zip(Raw(name=b"top/f"), link("deep/er/up", "../../top"), link("t", "deep/er/up/../..")),
        "points outside",
    ),
    "a link through a link": Case(
        lambda: raw_zip(link("l", "."), link("l/p/q", "../.."), link("l/p/q/out", "x")), "outside"
    ),
    "links in a long row": Case(
        lambda: raw_zip(*(link(f"{n:05d}", f"{n + 1:05d}") for n in range(5000))), "without an end"
    ),
    "a device": Case(lambda: raw_zip(special("d", stat.S_IFCHR)), "neither"),
    "a disk": Case(lambda: raw_zip(special("d", stat.S_IFBLK)), "neither"),
    "a pipe": Case(lambda: raw_zip(special("p", stat.S_IFIFO)), "neither"),
    "a socket": Case(lambda: raw_zip(special("s", stat.S_IFSOCK)), "neither"),
    # Bombs.
    "a bomb by ratio": Case(lambda: raw_zip(zeros(b"z", 80 << 20)), "unpacks to over"),
    "a bomb that lies of its size": Case(
        lambda: raw_zip(Raw(name=b"z", data=bytes(80 << 20), size=1 << 20)), "cannot be read"
    ),
    "a bomb of many": Case(
        lambda: raw_zip(*(zeros(b"%d" % n, 3 << 20) for n in range(30))), "unpacks to over"
    ),
    "a claim of 4 GiB": Case(lambda: raw_zip(Raw(name=b"z", data=b"x", size=0xFFFFFFF0)), "unpacks to over"),
    "a bomb by count": Case(
        lambda: raw_zip(*(Raw(name=b"%d" % n) for n in range(100_001))), "100001 entries"
    ),
    "a bomb by count of directories": Case(
        lambda: raw_zip(*(Raw(name=b"%d" % n + b"/d" * 90 + b"/f") for n in range(2000))),
        "more than the limit",
    ),
    "a bomb by the list alone": Case(lambda: long_list(100_000), "list of entries is larger"),
    "a bomb of bzip2": Case(
        lambda: raw_zip(Raw(name=b"z", method=BZIP2, packed=b"BZh9", size=1 << 20)), "method 12"
    ),
    "a bomb of LZMA": Case(
        # A dictionary of 4 GiB.
        lambda: raw_zip(
            Raw(name=b"z", method=LZMA, packed=b"\x09\x04\x05\x00\x5d\xff\xff\xff\xff" + bytes(9))
        ),
        "method 14",
    ),
    "overlapping entries": Case(overlapping, "unpacks to over"),
    "an entry within another": Case(nested_in_each_other, "shares its bytes"),
    # Lies and damage.
    "nothing": Case(lambda: b"", "not a zip file"),
    "an empty one": Case(raw_zip, "no entries"),
    "no zip": Case(lambda: b"this is no zip" * 100, "not a zip file"),
    "cut": Case(lambda: raw_zip(Raw(name=b"m", data=os.urandom(5000)))[:2000], "not a zip file"),
    "cut in its list": Case(lambda: raw_zip(MAIN, list_size=40), "cannot be read"),
    "damaged data": Case(
        lambda: raw_zip(Raw(name=b"m", data=b"x" * 99, packed=b"\xff" * 50)), "cannot be read"
    ),
    "a wrong checksum": Case(lambda: raw_zip(Raw(name=b"m", data=b"x" * 99, crc=1)), "cannot be read"),
    "a larger size than there is": Case(
        lambda: raw_zip(Raw(name=b"m", data=b"x", packed_size=9999)), "not in the archive"
    ),
    "a smaller size than there is": Case(
        lambda: raw_zip(Raw(name=b"m", data=b"x" * 99, size=5)), "cannot be read"
    ),
    "another name in its header": Case(lambda: raw_zip(Raw(name=b"a", local_name=b"b")), "differ"),
    "no header where it says": Case(lambda: raw_zip(MAIN, Raw(name=b"b", offset=60)), "shares its bytes"),
    "a header before the file": Case(lambda: raw_zip(MAIN, list_offset=0xFFFFFF), "not in the archive"),
    "a header behind the file": Case(lambda: raw_zip(Raw(name=b"b", offset=1 << 30)), "not in the archive"),
    "a list of 4 GiB": Case(lambda: raw_zip(MAIN, list_size=0xFFFFFFF0), "cannot be read"),
    "a list of 2^62 bytes": Case(lambda: raw_zip(MAIN, end64=end64(1 << 62, 0, 1)), "cannot be read"),
    "2^62 entries": Case(lambda: raw_zip(MAIN, end64=end64(0, 1 << 62, 1 << 62)), "no entries"),
    "a cut extra field": Case(
        lambda: raw_zip(Raw(name=b"m", size=0xFFFFFFFF, extra=struct.pack("<2H", 1, 4))), "cannot be read"
    ),
    "a size of 2^63 by an extra field": Case(
        lambda: raw_zip(Raw(name=b"m", size=0xFFFFFFFF, extra=struct.pack("<2HQ", 1, 8, 1 << 63))),
        "unpacks to over",
    ),
    "encrypted": Case(lambda: raw_zip(Raw(name=b"m", data=b"x", flags=0x801)), "is encrypted"),
    "strongly encrypted": Case(lambda: raw_zip(Raw(name=b"m", data=b"x", flags=0x841)), "is encrypted"),
    "patched data": Case(lambda: raw_zip(Raw(name=b"m", data=b"x", flags=0x820)), "cannot be read"),
    "an old method": Case(lambda: raw_zip(Raw(name=b"m", data=b"x", method=IMPLODE)), "method 6"),
    "an unknown method": Case(lambda: raw_zip(Raw(name=b"m", data=b"x", method=77)), "method 77"),
    "several disks": Case(
        lambda: raw_zip(MAIN, end64=struct.pack("<4sIQI", b"PK\6\7", 1, 0, 2)), "cannot be read"
    ),
    "a text behind its end that is too long": Case(
        lambda: raw_zip(MAIN, after=b"x" * 70_000), "not a zip file"
    ),
    "one header is damaged": Case(lambda: patched(raw_zip(MAIN), b"PK\3\4", b"PK\3\5"), "cannot be read"),
}


def written(case: Case, directory: Path) -> Path:
    path = directory / "evil.zip"
    path.write_bytes(case.make())
    return path


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_zip_is_refused(bounded: Bounded, tmp_path: Path, name: str) -> None:
    archive = written(CASES[name], tmp_path)
    root = tmp_path / "deep" / "er" / "bot"
    ended = bounded.call("extract_code", str(archive), str(root))
    assert (ended.fault, ended.code) == ("", "bad_code")
    assert CASES[name].words in ended.message
    assert len(ended.message) < 500
    assert ended.message.isprintable()
    assert ended.grown_mb < MOST_MB
    # Nothing is beside the directory, and what is in it is no way out.
    assert {path.name for path in tmp_path.iterdir()} <= {"evil.zip", "deep"}
    assert not list(tmp_path.rglob("out"))
    for path in root.rglob("*"):
        assert stat.S_IFMT(path.lstat().st_mode) in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK)


def test_deploy_tells_each_of_them_and_the_next_step(tmp_path: Path) -> None:
    """The command itself; it needs no stack for what it refuses."""
    failed = []
    for name, case in CASES.items():
        done = CliRunner().invoke(app, ["deploy", str(written(case, tmp_path))])
        told = done.stderr
        if done.exit_code != 1 or done.stdout or "evil.zip: code archive" not in told or "next: " not in told:
            failed.append(f"{name}: {done.exit_code} {told[-300:]} {done.exception!r}")
    assert not failed, "\n".join(failed)


HARMLESS = {
    "setuid and setgid": (lambda: raw_zip(Raw(name=b"s", mode=stat.S_IFREG | 0o6777)), ["s"]),
    "names that differ in case": (
        lambda: raw_zip(Raw(name=b"A", data=b"A"), Raw(name=b"a", data=b"a")),
        ["A", "a"],
    ),
    "Windows separators": (lambda: raw_zip(Raw(name=b"d\\"), Raw(name=b"d\\f")), ["d/f"]),
    "a zip in a zip": (lambda: raw_zip(Raw(name=b"in.zip", data=raw_zip(zeros(b"z", 80 << 20)))), ["in.zip"]),
    "text before it": (lambda: raw_zip(Raw(name=b"m"), before=b"#!/bin/sh\n"), ["m"]),
    "text behind it": (lambda: raw_zip(Raw(name=b"m"), after=b"\0" * 500), ["m"]),
    "a comment": (lambda: raw_zip(Raw(name=b"m"), comment=b"PK\5\6" * 9), None),
    "a device of Windows": (lambda: raw_zip(Raw(name=b"NUL"), Raw(name=b"a.txt:b")), ["NUL", "a.txt:b"]),
    "a wrong number of entries": (lambda: raw_zip(Raw(name=b"m"), count=60_000), ["m"]),
    "another size in its header": (lambda: raw_zip(Raw(name=b"m", data=b"xy", local_size=1)), ["m"]),
}  # fmt: skip


@pytest.mark.parametrize("name", HARMLESS)
def test_what_only_looks_hostile_does_no_harm(bounded: Bounded, tmp_path: Path, name: str) -> None:
    make, files = HARMLESS[name]
    archive, root = tmp_path / "a.zip", tmp_path / "bot"
    archive.write_bytes(make())
    ended = bounded.call("extract_code", str(archive), str(root))
    assert ended.fault == ""
    if files is None:
        assert ended.code == "bad_code"
        return
    assert ended.code == ""
    found = sorted(path for path in root.rglob("*") if path.is_file())
    assert [path.relative_to(root).as_posix() for path in found] == files
    for path in found:
        assert path.stat().st_mode & 0o7000 == 0
    if name == "names that differ in case":
        assert [path.read_text() for path in found] == ["A", "a"]

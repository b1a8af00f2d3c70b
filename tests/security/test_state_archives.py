"""Hostile and damaged archives of an existing installation's state: the bot never runs on a part of one."""

from __future__ import annotations

import gzip
import os
import stat
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.bounded import Bounded
from tests.support.raw_tar import END, extended, filled, member, packed

MAX_BYTES = 1 << 20
MAX_ENTRIES = 2000
MOST_MB = 64
LINK, HARD = tarfile.SYMTYPE, tarfile.LNKTYPE
GOOD = member("good", b"x" * 700)


@dataclass(frozen=True, slots=True)
class Case:
    """``words`` are of the message."""

    make: Callable[[], bytes]
    words: str


def spoiled(archive: bytes, at: int) -> bytes:
    """One byte of what is unpacked is another, and the checksum of the stream says so at its very end."""
    plain = bytearray(gzip.decompress(archive))
    plain[at] ^= 0xFF
    wrong = gzip.compress(bytes(plain))
    return wrong[:-8] + archive[-8:]


def bomb(megabytes: int) -> bytes:
    """Zeros, without their memory."""
    zeros = gzip.compress(bytes(1 << 20))
    return zeros * megabytes


def sparse_old() -> bytes:
    info = tarfile.TarInfo("s")
    info.type = tarfile.GNUTYPE_SPARSE
    return info.tobuf(tarfile.GNU_FORMAT)


CASES = {
    # Names.
    "up": Case(lambda: packed(member("../out", b"x")), "outside the state"),
    "up in the middle": Case(lambda: packed(member("a/../../out", b"x")), "outside the state"),
    "absolute": Case(lambda: packed(member("/tmp/out", b"x")), "outside the state"),
    "the directory above": Case(lambda: packed(member("..", kind=tarfile.DIRTYPE)), "outside the state"),
    "up by an extended header": Case(lambda: packed(extended(path="../out"), GOOD), "outside the state"),
    "up by a global header": Case(
        lambda: packed(extended(tarfile.XGLTYPE, path="../out"), GOOD), "outside the state"
    ),
    "up by a long name": Case(lambda: packed(member("../" * 60 + "out", b"x")), "outside the state"),
    "a zero byte": Case(lambda: packed(extended(path="a\0b"), GOOD), "what no file can be called"),
    "a name of 300 letters": Case(lambda: packed(member("n" * 300, b"x")), "cannot be read"),
    "a path of 9,000 letters": Case(lambda: packed(member("d/" * 4500 + "f", b"x")), "more than 2000"),
    "a file where a directory is": Case(lambda: packed(member("a/b"), member("a")), "cannot be read"),
    "a directory where a file is": Case(lambda: packed(member("a"), member("a/b")), "cannot be read"),
    # Links.
    "a hard link up": Case(lambda: packed(member("h", kind=HARD, link="../out")), "outside the state"),
    "an absolute hard link": Case(lambda: packed(member("h", kind=HARD, link="/etc/passwd")), "outside"),
    "a hard link to nothing": Case(lambda: packed(member("h", kind=HARD, link="gone")), "does not hold"),
    "a hard link to a directory": Case(
        lambda: packed(member("d", kind=tarfile.DIRTYPE), member("h", kind=HARD, link="d")), "does not hold"
    ),
    "a file through a link": Case(
        lambda: packed(member("l", kind=LINK, link="."), member("l/x", b"x")), "cannot be read"
    ),
    "a link through links": Case(
        lambda: packed(
            member("l", kind=LINK, link="."),
            member("l/p/q", kind=LINK, link="../.."),
            member("l/p/q/out", kind=LINK, link="good"),
        ),
        "through a link",
    ),
    # Bombs.
    "a bomb": Case(lambda: packed(member("z", bytes(80 << 20))), "over the limit"),
    "a bomb of hard links": Case(
        lambda: packed(
            member("z", bytes(600_000)), *(member(f"h{n}", kind=HARD, link="z") for n in range(99))
        ),
        "over the limit",
    ),
    "a claim of 2^60 bytes": Case(lambda: packed(member("z", size=1 << 60)), "over the limit"),
    "a claim of an extended header": Case(
        lambda: packed(extended(size=str(1 << 60)), GOOD), "over the limit"
    ),
    "a bomb in what is left out": Case(
        lambda: packed(member("z", bytes(80 << 20), kind=b"V")), "over the limit"
    ),
    "a bomb by count": Case(
        lambda: packed(*(member(str(n)) for n in range(MAX_ENTRIES + 1))), "more than 2000 entries"
    ),
    "a bomb by count of directories": Case(
        lambda: packed(*(member(f"{n}/" + "d/" * 1000 + "f") for n in range(3))), "more than 2000 entries"
    ),
    "a bomb in a long name": Case(
        lambda: packed(member("././@LongLink", bytes(80 << 20), kind=tarfile.GNUTYPE_LONGNAME), GOOD),
        "header of 83886080 bytes",
    ),
    "a bomb in an extended header": Case(
        lambda: packed(extended(comment="x" * (80 << 20)), GOOD), "cannot be read: a header of"
    ),
    "a record without its length": Case(
        lambda: packed(member("x", b"path=a\n", kind=tarfile.XHDTYPE), GOOD), "is broken at byte 0"
    ),
    "a second record without its length": Case(
        lambda: packed(member("x", b"12 comment=\npath=a\n", kind=tarfile.XHDTYPE), GOOD), "broken at byte 12"
    ),
    "a global record without its length": Case(
        lambda: packed(member("x", b"path=a\n", kind=tarfile.XGLTYPE), GOOD), "is broken at byte 0"
    ),
    "a record that is longer than its header": Case(
        lambda: packed(member("x", b"99 path=a\n", kind=tarfile.XHDTYPE), GOOD), "is broken at byte 0"
    ),
    "a record that ends in its middle": Case(
        lambda: packed(member("x", b"9 path=a\nb", kind=tarfile.XHDTYPE), GOOD), "is broken at byte 9"
    ),
    "a record without a value": Case(
        lambda: packed(member("x", b"8 path\n\n", kind=tarfile.XHDTYPE), GOOD), "is broken at byte 0"
    ),
    "digits that take long to be understood": Case(
        lambda: packed(member("x", b"1" * 16_000, kind=tarfile.XHDTYPE), GOOD), ""
    ),
    "headers of headers": Case(
        lambda: packed(*[extended(comment="x")] * 5000, GOOD), "headers of headers without an end"
    ),
    "global headers": Case(
        lambda: packed(*(extended(tarfile.XGLTYPE, **{f"a{n}": "x"}) + GOOD for n in range(150))),
        "more than 100 global headers",
    ),
    "a sparse file": Case(lambda: packed(sparse_old(), GOOD), "sparse"),
    "a sparse file's map": Case(lambda: packed(extended(GNU__sparse__map="0,1,2,3"), GOOD), "sparse"),
    "a sparse file's size": Case(lambda: packed(extended(GNU__sparse__size="99"), GOOD), "sparse"),
    "a sparse file's map in its data": Case(
        lambda: packed(
            extended(GNU__sparse__major="1", GNU__sparse__minor="0"), member("s", b"999999999999\n" * 90)
        ),
        "sparse",
    ),
    "a bomb behind the end": Case(lambda: packed(GOOD) + bomb(80), "come after its end"),
    # Lies and damage.
    "nothing": Case(lambda: b"", "cannot be read"),
    "no archive": Case(lambda: b"no archive at all", "cannot be read"),
    "no tar": Case(lambda: gzip.compress(b"no tar" * 1000), "cannot be read"),
    "an empty stream": Case(lambda: gzip.compress(b""), "cannot be read"),
    "cut in the stream": Case(lambda: packed(member("f", os.urandom(5000)))[:3000], "cannot be read"),
    "cut in the content": Case(
        lambda: packed(member("f", b"x" * 200_000)[:100_000], end=b""), "cannot be read"
    ),
    "cut in a header": Case(lambda: packed(GOOD, member("f")[:300], end=b""), "cannot be read"),
    "a damaged header in the middle": Case(
        lambda: packed(GOOD, b"?" * 512, member("lost", b"x")), "cannot be read"
    ),
    "a damaged size in the middle": Case(
        lambda: packed(GOOD, member("f", b"x").replace(b"00000000001\0", b"zzzzzzzzzzz\0")), "cannot be read"
    ),
    "damaged content": Case(lambda: spoiled(packed(GOOD), 600), "cannot be read"),
    "something else behind the stream": Case(lambda: packed(GOOD) + b"something else", "cannot be read"),
    "a negative size": Case(lambda: packed(GOOD, member("f", size=-1024)), "negative size"),
    "a negative size by an extended header": Case(
        lambda: packed(GOOD, extended(size="-4096"), member("f")), "negative size"
    ),
    "an extended header of length 0": Case(
        lambda: packed(GOOD, member("x", b"0 path=a\n", kind=tarfile.XHDTYPE), GOOD), "cannot be read"
    ),
    "an extended header for nothing": Case(lambda: packed(GOOD, extended(path="a")), "cannot be read"),
    "packed by bzip2": Case(lambda: b"BZh91AY&SY" + bytes(100), "cannot be read"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_archive_stops_the_start(bounded: Bounded, tmp_path: Path, name: str) -> None:
    archive, root = tmp_path / "state.tar.gz", tmp_path / "state"
    archive.write_bytes(CASES[name].make())
    (tmp_path / "out").write_text("of somebody else")
    ended = bounded.call("unpack_state", str(archive), str(root), MAX_BYTES, MAX_ENTRIES)
    if CASES[name].words:
        assert (ended.fault, ended.code) == ("", "restore_failed")
        assert CASES[name].words in ended.message
        assert len(ended.message) < 500
    assert ended.fault == ""
    assert ended.grown_mb < MOST_MB
    assert {path.name for path in tmp_path.iterdir()} == {"state.tar.gz", "state", "out"}
    assert (tmp_path / "out").read_text() == "of somebody else"
    assert not (tmp_path / "out").is_symlink()


def test_what_is_no_file_is_left_out_and_odd_values_do_no_harm(bounded: Bounded, tmp_path: Path) -> None:
    root = tmp_path / "state"
    archive = packed(
        *(member(f"kind{kind.decode()}", kind=kind) for kind in (b"3", b"4", b"6")),
        member("outer", kind=LINK, link="../out"),
        member("absolute", kind=LINK, link="/etc"),
        member("setuid", b"x", mode=0o6755),
        member("closed/inner/f", b"x"),
        member("closed", kind=tarfile.DIRTYPE, mode=0),
        member("closed/inner", kind=tarfile.DIRTYPE, mode=0o500),
        member("first", b"1"),
        member("first", b"2"),
        member("A", b"upper"),
        member("a", b"lower"),
        member("a\nb", b"x"),
        member("link", kind=LINK, link="a"),
        member("hard", kind=HARD, link="link"),
        member("early", mtime=-(1 << 40)),
        member("late", mtime=1 << 60),
        extended(mtime="nan"), member("never"),
        extended(mtime="inf"), member("always"),
        extended(path="\udcff\udcfe"), member("bytes"),
        member("self", b"x"), member("self", kind=HARD, link="self"),
        # Without the zeros at its end, as some writers leave it.
        end=b"",
    )  # fmt: skip
    (tmp_path / "a.tar.gz").write_bytes(archive)
    ended = bounded.call("unpack_state", str(tmp_path / "a.tar.gz"), str(root), MAX_BYTES, MAX_ENTRIES)
    assert (ended.fault, ended.code, ended.message) == ("", "", "")
    closed = root / "closed"
    assert stat.S_IMODE(closed.lstat().st_mode) == 0
    closed.chmod(0o700)
    assert stat.S_IMODE((closed / "inner").lstat().st_mode) == 0o500
    assert {os.fsencode(path.relative_to(root)) for path in root.rglob("*")} == {
        b"setuid", b"closed", b"closed/inner", b"closed/inner/f", b"first", b"A", b"a", b"a\nb", b"link",
        b"hard", b"early", b"late", b"never", b"always", b"\xff\xfe", b"self",
    }  # fmt: skip
    assert stat.S_IMODE((root / "setuid").stat().st_mode) == 0o755
    assert [(root / name).read_text() for name in ("first", "A", "a", "self")] == ["2", "upper", "lower", "x"]
    assert (root / "link").readlink() == (root / "hard").readlink() == Path("a")


@pytest.mark.parametrize("blocks", [2, 20, 128])
def test_an_archive_filled_with_zeros_is_whole(bounded: Bounded, tmp_path: Path, blocks: int) -> None:
    (tmp_path / "a").write_bytes(packed(GOOD, filled(b""), end=END * blocks))
    ended = bounded.call("unpack_state", str(tmp_path / "a"), str(tmp_path / "state"), MAX_BYTES, MAX_ENTRIES)
    assert (ended.fault, ended.code) == ("", "")
    assert (tmp_path / "state" / "good").read_bytes() == b"x" * 700

"""The scanner sees what tarfile sees, and refuses what is no whole tar."""

import io
import tarfile
from pathlib import Path

import pytest

from pipeline.photos.headers import WINDOW, Member, TarError, members

NAMES = [
    "data_256/a/airfield/00000001.jpg",
    "data_256/f/forest/broadleaf/ä 1.jpg",
    "data_256/" + "long/" * 30 + "photo.jpg",
    "data_256/" + "x" * 120 + ".jpg",
    "./data_256/c/dot.jpg",
]
FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]


def write(path: Path, infos: list[tarfile.TarInfo], format: int) -> None:
    with tarfile.open(path, "w", format=format) as tar:
        for info in infos:
            tar.addfile(info, io.BytesIO(bytes(info.size)) if info.isreg() else None)


def info(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.type = size, kind
    return member


def sign(header: bytearray) -> None:
    """Puts the right checksum in."""
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header[:512]):06o}\0 ".encode()


def seen_by_tarfile(path: Path) -> list[Member]:
    with tarfile.open(path) as tar:
        return [
            Member(
                member.name,
                member.offset_data,
                member.size,
                "folder" if member.isdir() else "file" if member.isreg() else "other",
            )
            for member in tar
        ]


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_is_read_as_tarfile_reads_it(tmp_path: Path, format: int) -> None:
    names = NAMES if format != tarfile.USTAR_FORMAT else [NAMES[0], NAMES[4]]
    infos = [info(name, size) for size, name in zip((0, 1, 512, 513, 70_000), names, strict=False)]
    link = info("data_256/link.jpg", kind=tarfile.SYMTYPE)
    link.linkname = "/etc/passwd" * (1 if format == tarfile.USTAR_FORMAT else 20)
    infos += [link, info("data_256/hard.jpg", kind=tarfile.LNKTYPE), info("data_256/last.jpg", 9)]
    infos += [info("data_256/pipe", kind=tarfile.FIFOTYPE), info("data_256/tty", kind=b"3")]
    infos.insert(1, info("data_256/folder", kind=tarfile.DIRTYPE))
    write(tmp_path / "photos.tar", infos, format)
    found = list(members(tmp_path / "photos.tar"))
    stripped = [member._replace(name=member.name.rstrip("/")) for member in found]
    assert stripped == seen_by_tarfile(tmp_path / "photos.tar")
    assert len(found) == len(infos)


def test_a_name_split_by_ustar_is_joined(tmp_path: Path) -> None:
    name = "/".join(["folder" * 4] * 5) + "/photo.jpg"
    write(tmp_path / "photos.tar", [info(name, 5)], tarfile.USTAR_FORMAT)
    assert [member.name for member in members(tmp_path / "photos.tar")] == [name]


def test_members_larger_than_a_read_are_skipped(tmp_path: Path) -> None:
    infos = [info(f"d/c/{size}.jpg", size) for size in (WINDOW - 512, WINDOW, 3 * WINDOW + 1, 7)]
    write(tmp_path / "photos.tar", infos, tarfile.GNU_FORMAT)
    assert list(members(tmp_path / "photos.tar")) == seen_by_tarfile(tmp_path / "photos.tar")


def test_sparse_files_are_no_photos_and_what_follows_is_found(tmp_path: Path) -> None:
    """Their data is not the file: tarfile calls them regular, and a reader by offset errs."""
    sparse = bytearray(info("d/c/sparse.jpg", 512).tobuf(tarfile.GNU_FORMAT))
    sparse[156:157] = b"S"
    sparse[482] = 1  # another block of the map follows
    sign(sparse)
    after = info("d/c/after.jpg", 3).tobuf(tarfile.GNU_FORMAT) + b"abc".ljust(512, b"\0")
    path = tmp_path / "photos.tar"
    path.write_bytes(bytes(sparse) + bytes(512) + bytes(512) + after + bytes(1024))
    assert list(members(path)) == [
        Member("d/c/sparse.jpg", 1024, 512, "other"),
        Member("d/c/after.jpg", 2048, 3, "file"),
    ]


def test_sizes_over_eight_gigabytes_are_read(tmp_path: Path) -> None:
    path = tmp_path / "photos.tar"
    with path.open("wb") as file:
        file.write(info("d/c/huge.jpg", 10 * 2**30).tobuf(tarfile.GNU_FORMAT))
        file.truncate(512 + 10 * 2**30 + 1024)  # a hole: no disk
    assert [member.size for member in members(path)] == [10 * 2**30]


def test_a_truncated_end_is_an_error_wherever_it_is(tmp_path: Path) -> None:
    whole, cut = tmp_path / "photos.tar", tmp_path / "cut.tar"
    write(whole, [info(NAMES[3], 700), info("d/c/b.jpg", 512)], tarfile.PAX_FORMAT)
    data = whole.read_bytes()
    last = list(members(whole))[-1]
    end = last.offset + last.size  # behind it stand only blocks of zeros
    assert data[end:].strip(b"\0") == b""
    for size in [*range(0, end, 100), end - 1, end, end + 511]:
        cut.write_bytes(data[:size])
        with pytest.raises(TarError):
            list(members(cut))
    cut.write_bytes(data[: end + 512])
    assert len(list(members(cut))) == 2


@pytest.mark.parametrize(
    ("offset", "data", "words"),
    [
        (0, b"X", "its checksum is wrong"),
        (148, b"\xff" * 8, "is no octal number"),
    ],
)
def test_a_damaged_header_is_an_error(tmp_path: Path, offset: int, data: bytes, words: str) -> None:
    path = tmp_path / "photos.tar"
    write(path, [info("d/c/a.jpg", 10)], tarfile.USTAR_FORMAT)
    whole = bytearray(path.read_bytes())
    whole[offset : offset + len(data)] = data
    path.write_bytes(whole)
    with pytest.raises(TarError, match=words):
        list(members(path))


def test_a_negative_size_is_an_error(tmp_path: Path) -> None:
    """It would lead the scan back to where it was, for ever."""
    header = bytearray(info("d/c/a.jpg").tobuf())
    header[124:136] = b"-0000001000\0"
    sign(header)
    (tmp_path / "photos.tar").write_bytes(bytes(header) + bytes(1024))
    with pytest.raises(TarError, match="is no octal number"):
        list(members(tmp_path / "photos.tar"))


def test_names_of_megabytes_and_malformed_extensions_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "photos.tar"
    write(path, [info("n", 2**21, b"L")], tarfile.GNU_FORMAT)
    path.write_bytes(info("n", 2**21, b"L").tobuf() + bytes(2**21 + 1024))
    with pytest.raises(TarError, match="a name of 2,097,152 bytes"):
        list(members(path))
    for text in (b"99 path=a\n", b"0 path=a\n", b"banana", b"8 pathab\n"):
        path.write_bytes(info("n", len(text), b"x").tobuf() + text.ljust(512, b"\0") + bytes(1024))
        with pytest.raises(TarError, match="malformed"):
            list(members(path))


def pax(record: bytes) -> bytes:
    """An extended header with one record; `record` starts with its length."""
    return info("n", len(record), b"x").tobuf() + record.ljust(512, b"\0")


PHOTO = info("d/c/a.jpg", 700).tobuf() + bytes(1024)
SPARSE = bytearray(info("d/c/a.jpg", 512).tobuf(tarfile.GNU_FORMAT))
SPARSE[156:157], SPARSE[482] = b"S", 1
sign(SPARSE)


@pytest.mark.parametrize(
    ("tail", "words"),
    [
        (b"\1" * 1024, "byte 1,536 starts no member: b'\\\\x01.*' is no octal number"),
        (pax(b"14 size=-5000\n") + PHOTO + bytes(1024), "has no sound size"),
        (pax(b"15 size=banana\n") + PHOTO + bytes(1024), "has no sound size"),
        (info("n", 1, b"L").tobuf() + bytes(512), "without the mark"),
        ((info("n", 1, b"L").tobuf() + b"n".ljust(512, b"\0")) * 2000 + PHOTO, "starts no member"),
        (bytes(SPARSE), "starts no member|without the mark"),
    ],
    ids=["second header", "size below zero", "size no number", "name alone", "names", "sparse map"],
)
def test_what_tarfile_lets_pass_or_falls_over_is_an_error(
    tmp_path: Path, tail: bytes, words: str
) -> None:
    """After a sound photo: there tarfile takes what it cannot read for the end of the archive."""
    path = tmp_path / "photos.tar"
    path.write_bytes(PHOTO + tail)
    found = []
    with pytest.raises(TarError, match=words):
        for member in members(path):
            found.append(member)
    assert found == [Member("d/c/a.jpg", 512, 700, "file")]

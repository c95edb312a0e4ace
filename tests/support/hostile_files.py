"""Photos and archives from a stranger: damaged, mislabelled, huge, and made to run or write things.

What they would do shows: programs that decoders are known to start are on PATH as markers, and what
leads out of a folder leads to a file that the caller watches.
"""

import bz2
import gzip
import io
import lzma
import random
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

from PIL import Image

from support.pictures import encoded, picture
from support.places_archives import photo, train_tar

# What Pillow or others hand a file to, where it is installed.
PROGRAMS = (
    *("gs", "gswin32c", "gswin64c", "ffmpeg", "convert", "magick", "identify", "djpeg", "cjpeg"),
    *("dwebp", "heif-convert", "rsvg-convert", "inkscape", "xdg-open", "display", "unzip", "curl"),
)
# All that Pillow writes: those that are read, and those that no file may reach.
SUFFIXES = (
    *("jpeg", "png", "webp", "bmp", "tiff", "gif", "avif"),
    *("ppm", "ico", "dds", "eps", "pdf", "tga", "sgi", "pcx", "icns", "jpeg2000", "im", "blp"),
)
ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".gif", ".avif", ".JPG", ".heic")
NAMES = (
    *("-rf", "--help", "a b", "a'b", 'a"b', "a%s", "a{0}", "$(touch ran)", "`touch ran`", "a;b"),
    *("\u202egpj", "\U0001f4f7", "e\u0301", "con", "..a", "x" * 200, "a\\b", "[red]a", "a*"),
)
# Names that are no lines of text or no UTF-8.
WORSE_NAMES = ("a\nb", "a\tb", "a\x1b[31mb", "a\udcff")


def install_markers(folder: Path) -> None:
    """Programs in `folder` that leave a mark there and answer as if all went well."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in PROGRAMS:
        (folder / name).write_text(f"#!/bin/sh\ntouch '{folder}/{name}.ran'\nexit 0\n")
        (folder / name).chmod(0o755)


def markers_run(folder: Path) -> list[str]:
    """Which of them were run."""
    return sorted(path.stem for path in folder.glob("*.ran"))


def hostile_photos(
    folder: Path, draws: random.Random, secret: Path, most: int = 20, num_whole: int = 0
) -> int:
    """Writes up to `most` such files and `num_whole` whole photos into `folder`.

    How many the former are.
    """
    folder.mkdir(parents=True)
    num = draws.randint(min(4, most), most)
    for number in range(num):
        # Most data sets have none of the worse ones, which may end a command at once.
        name = draws.choice(NAMES if draws.random() < 0.99 else WORSE_NAMES)
        ending = draws.choice(ENDINGS)
        (folder / f"{name}{number}{ending}").write_bytes(hostile_photo(draws, secret))
    for number in range(num_whole):
        (folder / f"whole-{number}.jpg").write_bytes(encoded(picture(number, (96, 80))))
    return num


def hostile_photo(draws: random.Random, secret: Path) -> bytes:
    """One of any kind."""
    kind = draws.choice((_damaged, _damaged, _damaged, _bomb, _program, _polyglot, _header))
    return kind(draws, secret)


def hostile_archive(draws: random.Random, secret: Path) -> tuple[str, str, bytes]:
    """The source that takes it, its name and its bytes."""
    if draws.random() < 0.3:
        return "celeba", "img_align_celeba.zip", hostile_zip(draws, secret)
    return "places365", "train_256_places365standard.tar", _tar(draws, secret)


@cache
def _whole(suffix: str) -> bytes:
    image = picture(7, (64, 64) if suffix in ("ico", "icns") else (80, 72))
    return encoded(image.convert("P") if suffix == "blp" else image, suffix)


def _damaged(draws: random.Random, secret: Path) -> bytes:
    """A whole file of any format with a few faults."""
    return _faulty(draws, _whole(draws.choice(SUFFIXES)))


def _faulty(draws: random.Random, whole: bytes) -> bytes:
    data = bytearray(whole)
    for _ in range(draws.randint(1, 5)):
        if not data:
            break
        # Headers decide more than pixels.
        at = draws.randrange(min(len(data), draws.choice((64, 512, len(data)))))
        match draws.randrange(6):
            case 0:
                data[at] ^= 1 << draws.randrange(8)
            case 1:
                data[at : at + 4] = draws.choice((b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff"))
            case 2:
                del data[at:]
            case 3:
                del data[at : at + draws.randint(1, 300)]
            case 4:
                data[at : at + 64] = draws.randbytes(64)
            case _:
                data[at:at] = data[: draws.randint(1, 2000)]
    return bytes(data)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def _png(width: int, height: int, *chunks: bytes, depth: int = 8, color: int = 2) -> bytes:
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + _chunk(b"IEND", b"")


@cache
def _zeros(num_bytes: int) -> bytes:
    """Compressed a thousandfold."""
    return zlib.compress(bytes(num_bytes), 9)


def _bomb(draws: random.Random, secret: Path) -> bytes:
    """A small file that would become a large one."""
    big = _zeros(60_000_000)
    kinds: tuple[Callable[[], bytes], ...] = (
        lambda: _png(60_000, 60_000, _chunk(b"IDAT", big)),
        lambda: _png(64, 64, _chunk(b"iCCP", b"x\0\0" + big), _chunk(b"IDAT", _zeros(64 * 193))),
        lambda: _png(64, 64, _chunk(b"zTXt", b"x\0\0" + big), _chunk(b"IDAT", _zeros(64 * 193))),
        lambda: _png(2**31 - 1, 2**31 - 1, _chunk(b"IDAT", b"")),
        lambda: _png(0, 0, _chunk(b"IDAT", b"")),
        lambda: _png(
            64, 64, _chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0)), _chunk(b"IDAT", b"")
        ),
        lambda: _resized(_whole("jpeg"), b"\xff\xc0", 5, struct.pack(">HH", 65_500, 65_500)),
        lambda: _resized(_whole("gif"), b"GIF8", 6, struct.pack("<HH", 65_535, 65_535)),
        lambda: _resized(_whole("bmp"), b"BM", 18, struct.pack("<ii", 2**31 - 1, -(2**31))),
        lambda: _scans(5000),
        lambda: _tiff(draws),
        lambda: _whole("webp")[:12] + b"VP8X" + struct.pack("<I", 10) + b"\0" * 4 + b"\xff" * 6,
        lambda: encoded(Image.new("1", (9000, 9000)), "tiff"),
    )
    return draws.choice(kinds)()


def _resized(whole: bytes, mark: bytes, offset: int, size: bytes) -> bytes:
    """Another size in the header behind `mark`."""
    at = whole.index(mark) + offset
    return whole[:at] + size + whole[at + len(size) :]


def _scans(num: int) -> bytes:
    """A progressive JPEG whose last scan comes again and again."""
    buffer = io.BytesIO()
    picture(3, (64, 64)).save(buffer, "jpeg", progressive=True)
    data = buffer.getvalue()
    start = data.rindex(b"\xff\xda")
    return data[:start] + data[start:-2] * num + data[-2:]


def _tiff(draws: random.Random) -> bytes:
    """A directory of tags without an end, with sizes that there are not, or that holds itself."""
    tags = b"".join(
        struct.pack(
            "<HHII", draws.choice((256, 257, 258, 273, 278, 279, 339, 34675)), kind, num, at
        )
        for kind, num, at in (
            (draws.randint(0, 13), draws.choice((1, 2**31, 2**32 - 1)), draws.choice((8, 2**31)))
            for _ in range(12)
        )
    )
    return b"II*\0" + struct.pack("<IH", 8, 12) + tags + struct.pack("<I", 8)


POSTSCRIPT = "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n"


def _program(draws: random.Random, secret: Path) -> bytes:
    """What another program would interpret."""
    return draws.choice(
        (
            f"{POSTSCRIPT}(%pipe%echo x > {secret}) (w) file\n",
            POSTSCRIPT + "{ } loop\n%%EOF\n",
            f'<svg xmlns="http://www.w3.org/2000/svg"><image href="file://{secret}"/></svg>',
            f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file://{secret}">]><a>&b;</a>',
            f"push graphic-context\nimage over 0,0 0,0 '|touch {secret}'\npop graphic-context\n",
            f"#!/bin/sh\necho x > {secret}\n",
            f"#EXTM3U\n#EXTINF:1,\nfile://{secret}\n",
            "<html><script>alert(1)</script></html>",
            "cos\nsystem\n(S'touch ran'\ntR.",
        )
    ).encode()


def _polyglot(draws: random.Random, secret: Path) -> bytes:
    """Two files in one."""
    one, other = _whole(draws.choice(SUFFIXES[:7])), _whole(draws.choice(SUFFIXES))
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr(f"../{secret.name}", "x")
    place = draws.randrange(1, len(one))
    return draws.choice(
        (
            one + other,
            one + zipped.getvalue(),
            one[:place] + other,
            other[:16] + one[16:],
            _program(draws, secret) + one,
            one[:64] + other[64:],
        )
    )


def _header(draws: random.Random, secret: Path) -> bytes:
    """The first bytes of a format, and nothing or noise behind them."""
    start = _whole(draws.choice(SUFFIXES))[: draws.randint(1, 40)]
    return start + draws.choice((b"", bytes(5000), b"\xff" * 5000, draws.randbytes(5000)))


def _tar(draws: random.Random, secret: Path) -> bytes:
    whole = train_tar([photo(0), photo(1)], ["m/mountain", "m/mountain"])
    kinds: tuple[Callable[[], bytes], ...] = (
        lambda: _faulty(draws, whole),
        lambda: _faulty(draws, whole),
        lambda: _with_members(draws, secret),
        lambda: _with_members(draws, secret),
        lambda: draws.choice((gzip.compress, bz2.compress, lzma.compress))(whole),
        lambda: whole[: draws.randrange(len(whole))],
        lambda: whole + whole,
        lambda: draws.choice((b"", b"\0" * 1024, b"\0" * 10240, b"<html>", b"PK\5\6" + bytes(18))),
        lambda: _sized(
            whole, draws.choice((b"\x80" + b"\xff" * 11, b"77777777777\0", b"-0000000001\0"))
        ),
    )
    return draws.choice(kinds)() or b"t"  # of no bytes at all there is no pinned sum


def _sized(whole: bytes, size: bytes) -> bytes:
    """Another size in the header of the first photo, whose checksum fits."""
    header = bytearray(whole[512:1024])
    header[124:136] = size
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    return whole[:512] + bytes(header) + whole[1024:]


def _with_members(draws: random.Random, secret: Path) -> bytes:
    """Paths that lead out, links, devices, and names without end."""
    buffer = io.BytesIO()
    form = draws.choice((tarfile.GNU_FORMAT, tarfile.PAX_FORMAT))
    names = (
        str(secret),
        f"../../../../{secret}",
        "data_256/m/mountain/../../../../x.jpg",
        "data_256/m/mountain/" + "x" * 5000 + ".jpg",
        "data_256/m/mountain/a\nb.jpg",
        "data_256//m//mountain//a.jpg",
        "data_256/m/mountain/\udcff.jpg",
        "C:\\a.jpg",
        "data_256/m/mountain/a.jpg",
        "data_256/m/mountain/a.jpg",
    )
    kinds = (tarfile.REGTYPE,) * 4 + (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE)
    with tarfile.open(fileobj=buffer, mode="w", format=form, errors="surrogateescape") as archive:
        for _ in range(draws.randint(1, 8)):
            member = tarfile.TarInfo(draws.choice(names))
            member.type = draws.choice((*kinds, tarfile.CHRTYPE, tarfile.DIRTYPE))
            data = hostile_photo(draws, secret) if member.type == tarfile.REGTYPE else b""
            member.size, member.linkname = len(data), str(secret)
            member.mode = 0o7777
            if form == tarfile.PAX_FORMAT and draws.random() < 0.4:
                member.pax_headers = {draws.choice(("size", "path", "GNU.sparse.size")): "9" * 9}
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def hostile_zip(draws: random.Random, secret: Path) -> bytes:
    """Paths that lead out, photos that are none, damaged lists and streams; never empty."""
    buffer = io.BytesIO()
    packing = draws.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA))
    with zipfile.ZipFile(buffer, "w", packing) as archive:
        for number in range(draws.randint(0, 6)):
            folder = draws.choice(("img_align_celeba/", "", "../../", "/", f"{secret}/", "a\n/"))
            name = f"{folder}{number:06}.jpg"
            data = draws.choice((hostile_photo(draws, secret), _whole("jpeg"), bytes(300_000)))
            archive.writestr(name, data)
    whole = buffer.getvalue()
    kinds = (whole, _faulty(draws, whole), _faulty(draws, whole[::-1])[::-1])
    return draws.choice(kinds) or b"P"

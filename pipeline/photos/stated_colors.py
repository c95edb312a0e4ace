"""Colours that a file states in other words than an ICC profile, as such a profile.

PNG has the chunks cICP, gAMA and cHRM, AVIF the colour box nclx. What they say is of ITU-T H.273.
Of several statements in a PNG the first of cICP, iCCP, sRGB and gAMA counts (PNG, third edition).
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from pipeline.photos.formats import PNG_START

WHITE_D65 = (0.3127, 0.329)
D50 = (0.9642, 1.0, 0.8249)  # XYZ of ICC's white
# Of red, green and blue: x and y each.
SRGB = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
# Colour primaries by their numbers in H.273. Those of old television are so near to sRGB's, and so
# often written for want of better, that viewers take them for these, as they do with no statement.
PRIMARIES = dict.fromkeys((1, 2, 5, 6, 7), SRGB) | {
    9: (0.708, 0.292, 0.170, 0.797, 0.131, 0.046),  # BT.2020
    12: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060),  # Display P3
}
# Exponents by the number of the transfer; 0 stands for sRGB's curve, for which viewers take those
# of television too. The others, such as PQ (16) and HLG (18), are of displays brighter than white.
TRANSFERS = dict.fromkeys((1, 2, 6, 13, 14, 15), 0.0) | {4: 2.2, 5: 2.8, 8: 1.0}
# gAMA's 1 / 2.2 stands for sRGB; libpng takes values that are so near to another for the same.
SRGB_GAMMA, GAMMA_TOLERANCE = 2.2, 0.05
# Lightness after Bradford, by which ICC adapts whites.
BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)


class UnknownColorsError(ValueError):
    """The file states colours that no rule here turns into sRGB."""


class StatedColors(NamedTuple):
    """What numbers mean."""

    primaries: tuple[float, ...]  # as SRGB
    white: tuple[float, float]  # x and y
    exponent: float  # 0: sRGB's curve


PLAIN = StatedColors(SRGB, WHITE_D65, 0.0)


def profile_of(data: bytes, kind: str, profile: bytes, *, is_grey: bool) -> bytes:
    """The ICC profile by which a file counts, which has `profile` embedded; empty for sRGB.

    UnknownColorsError where it states colours that are not known, such as those of HDR.
    """
    colors = None
    if kind == "png":
        chunks = dict(_chunks_before_pixels(data))
        if len(chunks.get(b"cICP", b"")) == 4:
            primaries, transfer = chunks[b"cICP"][:2]
            colors, profile = _coded(primaries, transfer), b""
        elif not profile and b"sRGB" not in chunks:
            colors = _by_gamma(chunks)
    elif kind == "avif" and not profile:
        start = data.find(b"colrnclx")
        if start >= 0 and len(data) >= start + 12:
            colors = _coded(*struct.unpack(">HH", data[start + 8 : start + 12]))
    if colors is None or colors == PLAIN:
        return profile
    return icc_profile(colors, is_grey=is_grey)


def _chunks_before_pixels(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    start = len(PNG_START)
    while start + 8 <= len(data):
        length, name = int.from_bytes(data[start : start + 4]), data[start + 4 : start + 8]
        if name in (b"IDAT", b"IEND"):
            return
        yield name, data[start + 8 : start + 8 + length]
        start += 12 + length


def _coded(primaries: int, transfer: int) -> StatedColors:
    if primaries not in PRIMARIES or transfer not in TRANSFERS:
        hdr = {16: " (PQ, of HDR)", 18: " (HLG, of HDR)"}.get(transfer, "")
        raise UnknownColorsError(
            f"it states primaries {primaries} and transfer {transfer}{hdr} of H.273, which are not "
            "read: save it in sRGB"
        )
    return StatedColors(PRIMARIES[primaries], WHITE_D65, TRANSFERS[transfer])


def _by_gamma(chunks: dict[bytes, bytes]) -> StatedColors | None:
    """None without gAMA: cHRM alone is not enough to go by, and viewers ignore it."""
    stored = int.from_bytes(chunks.get(b"gAMA", b""))
    if stored == 0:
        return None
    exponent = 100_000 / stored
    if abs(exponent / SRGB_GAMMA - 1) <= GAMMA_TOLERANCE:
        exponent = 0.0
    colors = PLAIN._replace(exponent=exponent)
    if len(chunks.get(b"cHRM", b"")) == 32:
        x, y, *primaries = (value / 100_000 for value in struct.unpack(">8I", chunks[b"cHRM"]))
        colors = StatedColors(tuple(primaries), (x, y), exponent)
    if not np.isfinite(_to_d50(colors)).all():
        raise UnknownColorsError("its chunk cHRM states no three colours and a white")
    return colors


def icc_profile(colors: StatedColors, *, is_grey: bool) -> bytes:
    """A display profile of version 4.3 with curves, and unless it is grey a matrix."""
    space, names = (b"GRAY", "k") if is_grey else (b"RGB ", "rgb")
    curve = _curve(colors.exponent)
    tags = {b"desc": _text("stated colours"), b"cprt": _text("none"), b"wtpt": _xyz(D50)}
    tags |= {f"{name}TRC".encode(): curve for name in names}
    if not is_grey:
        columns = _to_d50(colors).T
        tags |= {f"{n}XYZ".encode(): _xyz(each) for n, each in zip(names, columns, strict=True)}
    start = 128 + 4 + 12 * len(tags)
    table, content = struct.pack(">I", len(tags)), b""
    for name, value in tags.items():
        table += name + struct.pack(">II", start + len(content), len(value))
        content += value + bytes(-len(value) % 4)
    header = struct.pack(
        ">IIIIII6HIIIIIQI12sI16s28x",
        *(start + len(content), 0, 0x0430_0000, *_codes(b"mntr" + space + b"XYZ ")),
        *(2026, 1, 1, 0, 0, 0),
        *(*_codes(b"acsp"), 0, 0, 0, 0, 0, 1, _xyz(D50)[8:], 0, b""),
    )
    return header + table + content


def _codes(text: bytes) -> tuple[int, ...]:
    return struct.unpack(f">{len(text) // 4}I", text)


def _text(words: str) -> bytes:
    return struct.pack(">4sIII2s2sII", b"mluc", 0, 1, 12, b"en", b"US", 2 * len(words), 28) + (
        words.encode("utf-16-be")
    )


def _xyz(values: tuple[float, ...] | np.ndarray) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(float(each) * 65536) for each in values))


def _curve(exponent: float) -> bytes:
    """sRGB's: IEC 61966-2-1."""
    kind, numbers = (0, [exponent]) if exponent else (3, [2.4, 1 / 1.055, 0.055 / 1.055])
    numbers += [] if exponent else [1 / 12.92, 0.04045]
    fixed = (round(each * 65536) for each in numbers)
    return b"para\0\0\0\0" + struct.pack(f">HH{len(numbers)}i", kind, 0, *fixed)


def _to_d50(colors: StatedColors) -> np.ndarray:
    """(3, 3): linear red, green and blue to XYZ under D50; nan where they span no space."""
    unknown = np.full((3, 3), np.nan)
    points = np.reshape([*colors.primaries, *colors.white], (4, 2))
    if (points[:, 1] <= 0).any():
        return unknown
    xyz = np.stack([points[:, 0], points[:, 1], 1 - points.sum(axis=1)]) / points[:, 1]
    columns, white = xyz[:, :3], xyz[:, 3]
    if abs(np.linalg.det(columns)) < 1e-6 or (BRADFORD @ white <= 0).any():
        return unknown
    scaled = columns * np.linalg.solve(columns, white)
    adapted = (BRADFORD @ np.array(D50)) / (BRADFORD @ white)
    result: np.ndarray = np.linalg.inv(BRADFORD) @ (adapted[:, None] * BRADFORD) @ scaled
    return result if np.abs(result).max() < 100 else unknown

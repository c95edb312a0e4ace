"""Colours that a file states by numbers, where it has no ICC profile: as the profile they mean.

PNG: cICP, else sRGB, else gAMA and cHRM (W3C, PNG specification, third edition, 11.3.2). AVIF: the
box `colr` of type nclx (ISO/IEC 23000-22). The codes are those of ITU-T H.273, tables 2 and 3.
"""

import struct
from collections.abc import Iterator
from functools import lru_cache

import numpy as np

# x and y (CIE 1931) of red, green, blue and white.
Chromaticities = tuple[tuple[float, float], ...]
# Gamma, and where dark levels follow a line, a, b, c, d of ICC's parametric curve of type 3.
Curve = tuple[float, ...]

D65 = (0.3127, 0.3290)
SRGB_PRIMARIES = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), D65)
PRIMARIES: dict[int, Chromaticities] = {
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), D65),  # BT.2020
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),  # DCI-P3
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), D65),  # Display P3
}
SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
# Viewers show photos of video's curves (BT.709, BT.2020) as those of sRGB.
CURVES: dict[int, Curve] = {4: (2.2,), 5: (2.8,), 8: (1.0,)}
HDR = {16: "PQ", 18: "HLG"}

CHUNKS = 8  # where they begin in a PNG
# What a gAMA of sRGB may differ by, a fraction; viewers leave such photos as they are.
GAMMA_TOLERANCE = 0.05
# CIE XYZ of ICC's white, and Bradford's cone responses (ICC.1:2022, annex E).
D50 = np.array([0.9642, 1.0, 0.8249])
BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)


def stated_profile(data: bytes, kind: str) -> bytes:
    """An ICC profile of what the file states; empty where that is sRGB, or nothing.

    `kind` is a name of pipeline/photos/formats.py. ValueError for HDR: how bright its white is to
    be shown is not told.
    """
    if kind == "png":
        return _of_png(dict(_chunks(data)))
    if kind == "avif" and (at := data.find(b"colrnclx")) >= 0:
        primaries, transfer = struct.unpack_from(">HH", data, at + 8)
        return _of_codes(primaries, transfer)
    return b""


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Those before the pixels."""
    at = CHUNKS
    while at + 8 <= len(data) and (name := data[at + 4 : at + 8]) != b"IDAT":
        size = int.from_bytes(data[at : at + 4])
        yield name, data[at + 8 : at + 8 + size]
        at += 12 + size


def _of_png(chunks: dict[bytes, bytes]) -> bytes:
    if len(codes := chunks.get(b"cICP", b"")) == 4:
        return _of_codes(codes[0], codes[1])
    if b"sRGB" in chunks or len(gamma := chunks.get(b"gAMA", b"")) != 4:
        return b""
    value = int.from_bytes(gamma) / 100_000
    is_srgb = value == 0 or abs(value * 2.2 - 1) <= GAMMA_TOLERANCE
    curve = SRGB_CURVE if is_srgb else (1 / value,)
    if len(stated := chunks.get(b"cHRM", b"")) == 32:
        white, *colors = np.array(struct.unpack(">8I", stated)).reshape(4, 2) / 100_000
        places = tuple((float(x), float(y)) for x, y in (*colors, white))
        return _profile(places, curve) if all(y > 0 for _, y in places) else b""
    return b"" if is_srgb else _profile(SRGB_PRIMARIES, curve)


def _of_codes(primaries: int, transfer: int) -> bytes:
    if transfer in HDR:
        raise ValueError(
            f"it is HDR ({HDR[transfer]}), which is shown in other ways by each viewer: "
            "convert it to sRGB"
        )
    if primaries not in PRIMARIES and transfer not in CURVES:
        return b""
    places = PRIMARIES.get(primaries, SRGB_PRIMARIES)
    return _profile(places, CURVES.get(transfer, SRGB_CURVE))


@lru_cache(maxsize=32)
def _profile(places: Chromaticities, curve: Curve) -> bytes:
    """An ICC profile of version 4: three colours and a curve (ICC.1:2022, 8.3.3 and 10.18)."""
    red, green, blue, white = (np.array([x / y, 1, (1 - x - y) / y]) for x, y in places)
    colors = np.stack([red, green, blue], axis=1)
    colors = colors * np.linalg.solve(colors, white)
    adapted = np.linalg.solve(BRADFORD, np.diag(BRADFORD @ D50 / (BRADFORD @ white)) @ BRADFORD)
    columns = (adapted @ colors).T
    tone = b"para" + struct.pack(">IHH", 0, 3 if len(curve) > 1 else 0, 0) + _numbers(curve)
    tags = {b"wtpt": _place(D50)}
    tags |= {
        name: _place(xyz) for name, xyz in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True)
    }
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), tone)
    at, table, body = 128 + 4 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        table += name + struct.pack(">II", at + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    head = struct.pack(">I4xI", at + len(body), 0x04300000) + b"mntrRGB XYZ "
    head += struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + _numbers(D50)
    return head.ljust(128, b"\0") + table + body


def _place(xyz: np.ndarray) -> bytes:
    return b"XYZ " + bytes(4) + _numbers(xyz)


def _numbers(values: np.ndarray | Curve) -> bytes:
    """As s15Fixed16."""
    return b"".join(struct.pack(">i", round(float(value) * 65536)) for value in values)

"""The `mnist` source: the digits of the idx files as PNGs in one tar, the digit as category."""

import gzip
import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.downloads.archive import Archive
from pipeline.downloads.archives import obtain
from pipeline.params.runtime import RuntimeParams
from pipeline.photos.packing import add, new_archive
from pipeline.runtime.checksums import sha256_of
from pipeline.runtime.progress import progress
from pipeline.runtime.scratch import require_space
from pipeline.sources.mnist.options import MnistOptions

SECTION = "sources.mnist"
OPTIONS = MnistOptions

# A mirror that the framework's own loaders use; the author's server refuses programs.
URL = "https://ossci-datasets.s3.amazonaws.com/mnist"
# The first four bytes of an idx file of unsigned bytes with that many axes.
MAGIC = {1: 0x801, 3: 0x803}
MAX_BYTES = 1_000_000_000
BYTES_A_PHOTO = 2048  # a header, an uncompressed PNG, padding


def write(archive: Path, lists: Path, options: MnistOptions, runtime: RuntimeParams) -> str:
    """Packs `mnist/<digit>/<part>_<number>.png` into `archive`, sorted; returns its sha256."""
    digits: dict[str, np.ndarray] = {}
    for part in options.parts:
        images, labels = _read_part(part, options, runtime)
        for number, (image, label) in enumerate(zip(images, labels, strict=True)):
            digits[f"mnist/{label}/{part}_{number:05d}.png"] = image
    require_space(archive.parent, len(digits) * BYTES_A_PHOTO, "packing the digits")
    with new_archive(archive) as tar, progress("download", len(digits), "photos") as advance:
        for name in sorted(digits):
            add(tar, name, _png(digits[name]))
            advance(1)
    return sha256_of(archive)


def _read_part(
    part: str, options: MnistOptions, runtime: RuntimeParams
) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, height, width) uint8 and labels (N,) uint8."""
    pinned: dict[str, tuple[Archive, Archive]] = {
        "train": (options.train_images, options.train_labels),
        "test": (options.test_images, options.test_labels),
    }
    images, labels = (
        read_idx(obtain(file, URL, runtime).path, num_axes)
        for file, num_axes in zip(pinned[part], (3, 1), strict=True)
    )
    if len(images) != len(labels) or labels.max(initial=0) > 9:
        raise ValueError(
            f"{pinned[part][0].name} holds {len(images):,} digits, {pinned[part][1].name} "
            f"{len(labels):,} labels up to {labels.max(initial=0)}: they are no MNIST pair"
        )
    return images, labels


def read_idx(path: Path, num_axes: int) -> np.ndarray:
    """The array in a gzipped idx file of unsigned bytes. Raises ValueError."""
    try:
        with gzip.open(path) as file:
            data = file.read(MAX_BYTES + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path} is no whole gzip file: {error}") from error
    header = 4 * (1 + num_axes)
    magic, *shape = struct.unpack(f">{1 + num_axes}I", data[:header].ljust(header, b"\0"))
    if magic != MAGIC[num_axes] or len(data) - header != int(np.prod(shape, dtype=object)):
        raise ValueError(
            f"{path} is no idx file of {num_axes} axes: it starts with {magic:#x} (expected "
            f"{MAGIC[num_axes]:#x}) and holds {len(data) - header:,} bytes for the shape {shape}"
        )
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)


def _png(image: np.ndarray) -> bytes:
    """Stored, not compressed: no version of zlib changes the bytes."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG", compress_level=0)
    return buffer.getvalue()

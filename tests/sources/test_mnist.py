import gzip
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.sources.mnist.options import MnistOptions
from pipeline.sources.mnist.source import read_idx, write
from support.digits import MNIST_TRAIN, digit, idx, mnist_files
from support.places_server import pinned
from support.runtime import runtime

pytestmark = pytest.mark.usefixtures("scratch_root")


def packed(folder: Path, files: dict[str, bytes]) -> dict[str, bytes]:
    """The tar's members, of training files that lie in `folder`."""
    folder.mkdir(exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    pins = {field: pinned(name, files[name]) for field, name in MNIST_TRAIN.items()}
    options = MnistOptions.model_validate({"parts": ["train"], **pins})
    write(folder / "photos.tar", folder, options, runtime(adopt=str(folder)))
    with tarfile.open(folder / "photos.tar") as tar:
        files = {member.name: tar.extractfile(member) for member in tar}
        return {name: file.read() for name, file in files.items() if file is not None}


def test_digits_are_categories_and_pixels_are_kept(tmp_path: Path) -> None:
    members = packed(tmp_path / "a", mnist_files(25))
    assert list(members) == sorted(members) and len(members) == 25
    for number in range(25):
        png = members[f"mnist/{number % 10}/train_{number:05d}.png"]
        image = Image.open(io.BytesIO(png))
        assert image.mode == "L" and np.array_equal(np.asarray(image), digit(number))
    packed(tmp_path / "b", mnist_files(25))
    assert (tmp_path / "a/photos.tar").read_bytes() == (tmp_path / "b/photos.tar").read_bytes()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"no gzip", "is no whole gzip file"),
        (idx(np.zeros((2, 3, 3)))[:-9], "is no whole gzip file"),
        (gzip.compress(b"", mtime=0), "holds -16 bytes"),
        (idx(np.zeros(5)), "starts with 0x801 .expected 0x803"),
        (gzip.compress(gzip.decompress(idx(np.zeros((2, 3, 3))))[:-1], mtime=0), "holds 17 bytes"),
    ],
    ids=["no gzip", "cut short", "empty", "labels", "a byte less"],
)
def test_what_is_no_idx_file_is_told(tmp_path: Path, data: bytes, words: str) -> None:
    (tmp_path / "images.gz").write_bytes(data)
    with pytest.raises(ValueError, match=words):
        read_idx(tmp_path / "images.gz", 3)


def test_labels_that_do_not_fit_are_told(tmp_path: Path) -> None:
    labels = MNIST_TRAIN["train_labels"]
    with pytest.raises(ValueError, match="holds 5 digits, .* 4 labels"):
        packed(tmp_path, mnist_files(5) | {labels: idx(np.zeros(4))})
    with pytest.raises(ValueError, match="labels up to 10"):
        packed(tmp_path, mnist_files(5) | {labels: idx(np.full(5, 10))})


def test_the_real_test_part_has_the_pinned_sums(tmp_path: Path, shared: Path) -> None:
    options = MnistOptions.model_validate({"parts": ["test"]})
    write(tmp_path / "photos.tar", tmp_path, options, runtime(adopt=str(shared / "data/mnist")))
    with tarfile.open(tmp_path / "photos.tar") as tar:
        names = tar.getnames()
    assert len(names) == 10_000
    # As published: the test part has 980 zeros and 1,135 ones.
    assert [sum(name.startswith(f"mnist/{i}/") for name in names) for i in (0, 1)] == [980, 1135]

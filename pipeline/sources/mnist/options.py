"""Options of the source `mnist`: handwritten digits, 28x28."""

from typing import Literal

from pydantic import Field

from pipeline.downloads.archive import Archive
from pipeline.params.section import Section


class MnistOptions(Section):
    """The section `sources.mnist` of params.yaml. Other sums stand for another edition."""

    parts: list[Literal["train", "test"]] = Field(
        min_length=1, description="train: 60,000 digits, test: 10,000; the line splits on its own"
    )
    train_images: Archive = Archive(
        name="train-images-idx3-ubyte.gz",
        num_bytes=9_912_422,
        md5="f68b3c2dcbeaaa9fbdd348bbdeb94873",
        sha256="440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    )
    train_labels: Archive = Archive(
        name="train-labels-idx1-ubyte.gz",
        num_bytes=28_881,
        md5="d53e105ee54ea40749a09fcbcd1e9432",
        sha256="3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    )
    test_images: Archive = Archive(
        name="t10k-images-idx3-ubyte.gz",
        num_bytes=1_648_877,
        md5="9fb629c4189551a2d022fa330f9573f3",
        sha256="8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    )
    test_labels: Archive = Archive(
        name="t10k-labels-idx1-ubyte.gz",
        num_bytes=4_542,
        md5="ec29112dd5afa0611ce80d1b7f02629c",
        sha256="f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    )

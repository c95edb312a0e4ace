"""Options of the source `celeba`: the aligned and cropped faces of CelebA, 178x218."""

from typing import Literal

from pydantic import Field

from pipeline.downloads.archive import Archive
from pipeline.params.section import Section

IMAGES = Archive(
    name="img_align_celeba.zip",
    num_bytes=1_443_490_838,
    md5="00d2c5bc6d35e252742224ab0c1e8fcb",
    sha256="46fb89443c578308acf364d7d379fe1b9efb793042c0af734b6112e4fd3a8c74",
)
ATTRIBUTES = Archive(
    name="list_attr_celeba.txt",
    num_bytes=26_721_026,
    md5="75e246fa4810816ffd6ee81facbd244c",
    sha256="f0e5da289d5ccf75ffe8811132694922b60f2af59256ed362afa03fefba324d0",
)
PARTITION = Archive(
    name="list_eval_partition.txt",
    num_bytes=2_836_386,
    md5="d32c9cbf5e040fd4025c592c306e6668",
    sha256="fc955bcb3ef8fbdf7d5640d9a8693a8431b5f2ee291a5c1449a1549e7e073fe7",
)


class CelebaOptions(Section):
    """The section `sources.celeba` of params.yaml. Other sums stand for another edition."""

    form: Literal["archive", "folder"] = Field(
        description="archive: the official zip; folder: an extracted copy, which no sum can prove"
    )
    with_lists: bool = Field(
        description="put the official attributes and partition into data/download/lists/ as well"
    )
    archive: Archive = IMAGES
    attributes: Archive = ATTRIBUTES
    partition: Archive = PARTITION

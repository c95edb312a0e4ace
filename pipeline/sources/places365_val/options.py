"""Options of the source `places365_val`: the validation set of Places365-Standard, 256x256."""

from typing import Literal

from pydantic import Field

from pipeline.downloads.archive import Archive
from pipeline.params.section import Section

VAL = Archive(
    name="val_256.tar",
    num_bytes=525_158_400,
    md5="e27b17d8d44f4af9a78502beb927f808",
    sha256="24b4e639ef12a0012af525bc4cb443e4ab4aaea8369a1fb009b70e4a4aad5d48",
)
FILE_LIST = Archive(
    name="filelist_places365-standard.tar",
    num_bytes=67_498_496,
    md5="35a0585fee1fa656440f3ab298f8479c",
    sha256="520699e00d69b63ddc29fac54645aa00ce1c10ca42e288960aa1cf791d6e9aa9",
)
EASY_FORMAT = Archive(
    name="places365standard_easyformat.tar", md5="ee2dd54bc5f58a52dbae84bd898f937e"
)


class Places365ValOptions(Section):
    """The section `sources.places365_val` of params.yaml. Other sums stand for another edition."""

    form: Literal["archive", "easy_format", "folder"] = Field(
        description="archive: the official tar; easy_format: the tar with one folder a category, "
        "of which only your own copy is taken; folder: an extracted copy, which no sum can prove"
    )
    archive: Archive = VAL
    file_list: Archive = FILE_LIST
    easy_format: Archive = EASY_FORMAT

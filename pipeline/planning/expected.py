"""What a source will bring, known before anything is downloaded."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from pipeline.config.whole import WholeParams
from pipeline.downloads.archive import Archive
from pipeline.downloads.archives import VERIFIED
from pipeline.params.section import closest
from pipeline.photos import photo_tables
from pipeline.photos.decoding import BrokenPhotoError, open_image
from pipeline.photos.packing import photos_below, photos_of, relative_name
from pipeline.photos.photo_bytes import read_photo_at
from pipeline.places365.categories import categories
from pipeline.runtime.bucket_archive import object_facts
from pipeline.runtime.photo_archive import archive_in_bucket
from pipeline.runtime.scratch import ARCHIVES, work_dir
from pipeline.sources.folder.source import member_name

T = TypeVar("T")

# Counts of the official lists; bytes in a tar with its headers.
PLACES_TRAIN_PHOTOS, PLACES_TRAIN_RANGE = 1_803_460, (3_068, 5_000)
PLACES_VAL_PHOTOS = 36_500
CELEBA_PHOTOS, CELEBA_SIZE = 202_599, (178, 218)
MNIST_PHOTOS, MNIST_SIZE, MNIST_BYTES = {"train": 60_000, "test": 10_000}, (28, 28), 2_048
PAINTED_BYTES = 18_000  # a photo, 256x256
PLACES_SIZE = (256, 256)
NUM_MEASURED = 20  # of one's own photos, for their typical size


class UnknownPhotosError(ValueError):
    """Nothing is wrong, but how many photos there are cannot be known yet."""


@dataclass(frozen=True)
class Expected:
    """Photos and bytes of a source, and how many of the photos the categories leave."""

    photos: int
    num_bytes: int  # of the archive
    selected: int
    size: tuple[int, int]  # px of a typical photo, width and height
    fetched: int = 0  # bytes still to come from the network
    kept_beside: int = 0  # bytes of a download that the tar is no link of
    remark: str = ""  # how sure `selected` is; empty where it is exact
    in_bucket: bool = False  # the archive stays there, and is read by ranges


def expected(params: WholeParams) -> Expected:
    """For the source that params.yaml chooses.

    Raises ValueError where it cannot be had, and UnknownPhotosError where it cannot be counted.
    """
    return {
        "synthetic": _synthetic,
        "folder": _folder,
        "places365_val": _places365_val,
        "places365": _places365,
        "celeba": _celeba,
        "mnist": _mnist,
    }[params.download.source](params)


def _chosen(params: WholeParams, known: Sequence[str]) -> list[str]:
    """The chosen ones of the `known` categories."""
    chosen = params.filter_categories.categories
    if chosen == "all":
        return list(known)
    names = [name.removeprefix("/") for name in chosen]
    for name in names:
        if name not in known:
            raise ValueError(
                f"params.yaml filter_categories.categories holds {name!r}, "
                f"which is no category of the photos{closest(name, list(known))}"
            )
    return names


def _to_fetch(params: WholeParams, *archives: Archive) -> int:
    """Bytes of the archives that neither lie verified in the scratch folder nor are adopted."""
    if params.runtime.adopt:
        return 0
    missing = (
        archive
        for archive in archives
        if not (work_dir() / ARCHIVES / archive.key / VERIFIED).is_file()
    )
    return sum(archive.num_bytes or 0 for archive in missing)


def _synthetic(params: WholeParams) -> Expected:
    from pipeline.sources.synthetic import landscapes

    photos = params.sources.synthetic.num_photos
    share = len(_chosen(params, landscapes.CATEGORIES)) / len(landscapes.CATEGORIES)
    remark = "" if share == 1 else "categories are drawn"
    return Expected(
        photos, photos * PAINTED_BYTES, round(photos * share), PLACES_SIZE, 0, 0, remark
    )


def _folder(params: WholeParams) -> Expected:
    url = params.sources.folder.url
    if url.endswith("/"):
        return _bucket_folder(params, url)
    if url:
        return _bucket_tar(params, url)
    root = Path(params.sources.folder.path)
    photos = photos_below(root, "sources.folder.path").photos
    categories = [_category(relative_name(photo, root)) for photo in photos]
    return Expected(
        photos=len(photos),
        # A header, and half a block that the tar pads with.
        num_bytes=sum(photo.stat().st_size + 768 for photo in photos),
        selected=_num_selected(params, Counter(categories)),
        size=_typical_size(photo.read_bytes() for photo in _some(photos)),
    )


def _bucket_folder(params: WholeParams, url: str) -> Expected:
    from pipeline.runtime.bucket_folder import first_bytes, list_objects

    sizes = {name: found.size for name, found in list_objects(url).items()}
    photos, _ = photos_of(sizes, partial(first_bytes, url), f"sources.folder.url is {url!r}")
    num_bytes = sum(sizes[photo] for photo in photos)
    some = {photo: sizes[photo] for photo in _some(photos)}
    return Expected(
        photos=len(photos),
        num_bytes=num_bytes,
        selected=_num_selected(params, Counter(map(_category, photos))),
        size=_typical_size(first_bytes(url, some, max(some.values())).values()),
        fetched=num_bytes,  # once, for the sum
        in_bucket=True,
    )


def _bucket_tar(params: WholeParams, url: str) -> Expected:
    """Of a tar whose index is here; of another one its bytes alone are known."""
    index = Path("data/index/index.parquet")
    archive = archive_in_bucket(Path("data"))
    if archive is None or archive.url != url or not index.is_file():
        num_bytes, _ = object_facts(url)
        raise UnknownPhotosError(
            f"params.yaml sources.folder.url is {url!r}, a tar of {num_bytes:,} bytes: how many "
            "photos are in it is known when `dvc repro index` has read it. Run that first"
        )
    archive.require_unchanged()
    table = photo_tables.read(index, ["category", "offset", "size", "crc32"])
    some = [table.iloc[number] for number in _some(range(len(table)))]
    with archive.open() as file:
        read = [read_photo_at(file, row["offset"], row["size"], row["crc32"]) for row in some]
    return Expected(
        photos=len(table),
        num_bytes=archive.num_bytes,
        selected=_num_selected(params, Counter(table["category"])),
        size=_typical_size(read),
        in_bucket=True,
    )


def _category(relative: str) -> str:
    """Of a photo's path below the folder."""
    return member_name(relative).partition("/")[2].rpartition("/")[0]


def _num_selected(params: WholeParams, nums: Counter[str]) -> int:
    """Photos of the chosen categories, of these `nums`."""
    return sum(nums[name] for name in set(_chosen(params, sorted(nums))))


def _some(photos: Sequence[T]) -> Sequence[T]:
    """Spread over all."""
    return photos[:: max(1, len(photos) // NUM_MEASURED)]


def _typical_size(photos: Iterable[bytes]) -> tuple[int, int]:
    """That of the middle one by pixels; only headers are decoded."""
    sizes = []
    for photo in photos:
        try:
            sizes.append(open_image(photo).size)
        except BrokenPhotoError:
            continue  # they are the stages' matter
    sizes.sort(key=lambda size: size[0] * size[1])
    return sizes[len(sizes) // 2] if sizes else PLACES_SIZE


def _places365(params: WholeParams) -> Expected:
    options = params.sources.places365
    chosen = _chosen(params, categories())
    low, high = PLACES_TRAIN_RANGE
    is_all = len(chosen) == len(categories())
    return Expected(
        photos=PLACES_TRAIN_PHOTOS,
        num_bytes=options.archive.num_bytes or 0,
        selected=round(PLACES_TRAIN_PHOTOS / len(categories()) * len(chosen)),
        size=PLACES_SIZE,
        fetched=0 if options.url else _to_fetch(params, options.archive),
        in_bucket=bool(options.url),
        remark="" if is_all else f"a category has {low:,} to {high:,} photos",
    )


def _places365_val(params: WholeParams) -> Expected:
    options = params.sources.places365_val
    return Expected(
        photos=PLACES_VAL_PHOTOS,
        num_bytes=options.archive.num_bytes or 0,
        selected=PLACES_VAL_PHOTOS // len(categories()) * len(_chosen(params, categories())),
        size=PLACES_SIZE,
        fetched=_to_fetch(params, options.archive, options.file_list),
        kept_beside=options.file_list.num_bytes or 0,
    )


def _celeba(params: WholeParams) -> Expected:
    options = params.sources.celeba
    zip_bytes = options.archive.num_bytes or 0
    is_zip = options.form == "archive"
    return Expected(
        photos=CELEBA_PHOTOS,
        num_bytes=zip_bytes + 768 * CELEBA_PHOTOS,
        selected=CELEBA_PHOTOS,
        size=CELEBA_SIZE,
        fetched=_to_fetch(params, options.archive) if is_zip else 0,
        kept_beside=zip_bytes if is_zip else 0,
    )


def _mnist(params: WholeParams) -> Expected:
    options = params.sources.mnist
    photos = sum(MNIST_PHOTOS[part] for part in options.parts)
    digits = [str(digit) for digit in range(10)]
    chosen = _chosen(params, digits)
    files = [
        archive
        for part in options.parts
        for archive in (getattr(options, f"{part}_images"), getattr(options, f"{part}_labels"))
    ]
    return Expected(
        photos=photos,
        num_bytes=photos * MNIST_BYTES,
        selected=round(photos * len(chosen) / len(digits)),
        size=MNIST_SIZE,
        fetched=_to_fetch(params, *files),
        kept_beside=sum(archive.num_bytes or 0 for archive in files),
        remark="" if len(chosen) == len(digits) else "a digit has about a tenth",
    )

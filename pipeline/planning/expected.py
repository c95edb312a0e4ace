"""What a source will bring, known before anything is downloaded."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.config.whole import WholeParams
from pipeline.downloads.archive import Archive
from pipeline.downloads.archives import VERIFIED
from pipeline.params.section import closest
from pipeline.photos.decoding import BrokenPhotoError, open_image
from pipeline.photos.packing import photos_below, relative_name
from pipeline.places365.categories import categories
from pipeline.runtime.scratch import ARCHIVES, work_dir

# Counts of the official lists; bytes in a tar with its headers.
PLACES_TRAIN_PHOTOS, PLACES_TRAIN_RANGE = 1_803_460, (3_068, 5_000)
PLACES_VAL_PHOTOS = 36_500
CELEBA_PHOTOS, CELEBA_SIZE = 202_599, (178, 218)
MNIST_PHOTOS, MNIST_SIZE, MNIST_BYTES = {"train": 60_000, "test": 10_000}, (28, 28), 2_048
PAINTED_BYTES = 18_000  # a photo, 256x256
PLACES_SIZE = (256, 256)
NUM_MEASURED = 20  # of one's own photos, for their typical size


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
    """For the source that params.yaml chooses. Raises ValueError where it cannot be had."""
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
    if params.sources.folder.url:
        raise ValueError(
            f"the photos of {params.sources.folder.url} are known when `dvc repro index` has run: "
            "plan counts those of a folder"
        )
    root = Path(params.sources.folder.path)
    photos = photos_below(root, "sources.folder.path").photos
    category_of = {photo: relative_name(photo, root).rpartition("/")[0] for photo in photos}
    named = {photo: category or "uncategorized" for photo, category in category_of.items()}
    chosen = set(_chosen(params, sorted(set(named.values()))))
    # A header, and half a block that the tar pads with.
    num_bytes = sum(photo.stat().st_size + 768 for photo in photos)
    return Expected(
        photos=len(photos),
        num_bytes=num_bytes,
        selected=sum(category in chosen for category in named.values()),
        size=_typical_size(photos),
    )


def _typical_size(photos: Sequence[Path]) -> tuple[int, int]:
    """Of some photos spread over all, that of the middle one by pixels; only headers are read."""
    sizes = []
    for photo in photos[:: max(1, len(photos) // NUM_MEASURED)]:
        try:
            sizes.append(open_image(photo.read_bytes()).size)
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

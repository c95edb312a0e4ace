"""What a run needs on disk, from what its source will bring."""

from collections.abc import Iterator
from typing import NamedTuple

from pipeline.config.whole import WholeParams
from pipeline.planning.expected import Expected

# A row of the index, and one of people.parquet with hashes, descriptor and boxes, compressed.
INDEX_BYTES, PEOPLE_BYTES = 110, 260
# Beside three bytes a pixel: headers, json, padding; the final shards add mask, box and more json.
SMALL_BYTES, FINAL_SHARE = 1_500, 1.4


class Need(NamedTuple):
    """Bytes under data/<stage>/; half-made ones in the scratch folder become these."""

    stage: str
    num_bytes: int


def disk_needs(params: WholeParams, source: Expected) -> Iterator[Need]:
    """By stage; at most, since nothing is taken off for people and copies."""
    small = source.selected * (3 * params.downscale.image_size**2 + SMALL_BYTES)
    yield Need("download", 0 if source.in_bucket else source.num_bytes)
    yield Need("index", source.photos * INDEX_BYTES)
    yield Need("filter_categories", source.selected * INDEX_BYTES)
    yield Need("detect_people", source.selected * PEOPLE_BYTES)
    yield Need("filter_people", source.photos * INDEX_BYTES)
    yield Need("downscale", small)
    yield Need("crop", int(FINAL_SHARE * small))


def total_need(params: WholeParams, source: Expected, is_stored_once: bool) -> int:
    """Bytes in all: outs, once where DVC's cache links to them and else twice, and the photos."""
    needs = {need.stage: need.num_bytes for need in disk_needs(params, source)}
    photos = needs.pop("download")
    return (1 if is_stored_once else 2) * sum(needs.values()) + photos + source.kept_beside

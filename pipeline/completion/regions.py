"""What is seen of an image around its holes."""

from collections.abc import Iterable

from pipeline.shards.rectangle import Rectangle


def grown_box(box: Rectangle, margin: int, shape: tuple[int, ...]) -> Rectangle:
    """`box` with `margin` px more on all sides; where the image ends, with more on the other."""
    height, width = (
        min(length + 2 * margin, size)
        for length, size in zip((box.height, box.width), shape, strict=False)
    )
    top = min(max(box.top - margin, 0), shape[0] - height)
    left = min(max(box.left - margin, 0), shape[1] - width)
    return Rectangle(top, left, height, width)


def merged(boxes: Iterable[Rectangle]) -> list[Rectangle]:
    """The boxes, those that overlap as one that holds them all."""
    apart: list[Rectangle] = []
    for box in boxes:
        while met := [other for other in apart if _overlap(box, other)]:
            apart = [other for other in apart if other not in met]
            box = _union([box, *met])
        apart.append(box)
    return apart


def _overlap(one: Rectangle, other: Rectangle) -> bool:
    pairs = (one.rows, other.rows), (one.columns, other.columns)
    return all(first.start < second.stop and second.start < first.stop for first, second in pairs)


def _union(boxes: list[Rectangle]) -> Rectangle:
    top, left = min(box.top for box in boxes), min(box.left for box in boxes)
    bottom, right = max(box.rows.stop for box in boxes), max(box.columns.stop for box in boxes)
    return Rectangle(top, left, bottom - top, right - left)

"""A half-open rectangle of pixels, as the shards write holes and boxes."""

from typing import NamedTuple


class Rectangle(NamedTuple):
    """Rows top .. top+height-1, columns left .. left+width-1; px."""

    top: int
    left: int
    height: int
    width: int

    @property
    def rows(self) -> slice:
        return slice(self.top, self.top + self.height)

    @property
    def columns(self) -> slice:
        return slice(self.left, self.left + self.width)

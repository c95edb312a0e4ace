"""Names in a message, of which there may be thousands."""

from collections.abc import Iterable

LISTED = 5


def listed(names: Iterable[object]) -> str:
    """The first LISTED of them, and how many more there are."""
    texts = [str(name) for name in names]
    more = f" and {len(texts) - LISTED:,} more" if len(texts) > LISTED else ""
    return ", ".join(texts[:LISTED]) + more

"""An S3 server on loopback for the tests of a file."""

from collections.abc import Iterator

import pytest

from support.object_store import Way, object_store


@pytest.fixture(scope="module")
def way() -> Iterator[Way]:
    with object_store() as way:
        yield way

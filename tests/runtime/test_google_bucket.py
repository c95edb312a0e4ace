"""Photos in a bucket of Google's, by an emulator of its server on loopback."""

import hashlib
import random
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.runtime.bucket_archive import Range, name_tar
from support.free_port import free_port

DATA = random.Random(0).randbytes(3_000_000)
BUCKET, URL = "photos", "gs://photos/photos.tar"

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@pytest.fixture(scope="module")
def bucket() -> Iterator[Any]:
    """gcsfs's file system, led to the emulator by the environment."""
    gcsfs = pytest.importorskip("gcsfs", reason="the extra buckets is not installed")
    emulator = pytest.importorskip("gcp_storage_emulator.server", reason="there is no emulator")
    port = free_port()
    server = emulator.create_server("127.0.0.1", port, in_memory=True, default_bucket=BUCKET)
    server.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
        # Else gcsfs asks by gRPC for the kind of bucket, which the emulator does not speak.
        patch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
        gcsfs.GCSFileSystem.clear_instance_cache()
        try:
            yield gcsfs.GCSFileSystem()
        finally:
            gcsfs.GCSFileSystem.clear_instance_cache()
            server.stop()


def test_an_object_is_read_by_ranges_and_another_in_its_place_refused(bucket: Any) -> None:
    bucket.pipe_file("photos/photos.tar", DATA)
    archive = name_tar(URL)
    assert (archive.sha256, archive.num_bytes) == (hashlib.sha256(DATA).hexdigest(), len(DATA))
    places = [Range(10, 20_000), Range(50_000, 100), Range(2_900_000, 100_000)]
    read = list(archive.read_ahead(places))
    assert read == [DATA[place.offset :][: place.size] for place in places]
    archive.require_unchanged()
    bucket.pipe_file("photos/photos.tar", DATA[::-1])
    with pytest.raises(ValueError, match=r"photos.tar has .* it has changed since `download`"):
        archive.require_unchanged()


def test_what_is_not_there_is_said(bucket: Any) -> None:
    with pytest.raises(ValueError, match="none.tar does not exist"):
        name_tar("gs://photos/none.tar")

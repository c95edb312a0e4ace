"""An emulator of Google's server of buckets on loopback."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from support.free_port import free_port


@contextmanager
def google_bucket(name: str) -> Iterator[str]:
    """The server's address, with the bucket `name`; the environment leads gcsfs there."""
    emulator = pytest.importorskip("gcp_storage_emulator.server", reason="there is no emulator")
    port = free_port()
    server = emulator.create_server("127.0.0.1", port, in_memory=True, default_bucket=name)
    server.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
        # Else gcsfs asks by gRPC for the kind of bucket, which the emulator does not speak. It
        # looks when it is imported.
        patch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
        gcsfs = pytest.importorskip("gcsfs", reason="the extra buckets is not installed")
        gcsfs.GCSFileSystem.clear_instance_cache()
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            gcsfs.GCSFileSystem.clear_instance_cache()
            server.stop()

"""Where sockets lie: a socket's path has a limit, which the folder for temporary files can exceed.

`TMPDIR` of batch systems and tests is often long. Newer versions of Python do the same as this.
"""

import os
import sys
import tempfile
from multiprocessing import util

LONGEST_PATH = 103 if sys.platform == "darwin" else 107  # bytes: unix(7), without the closing zero
# `/pymp-xxxxxxxx/listener-xxxxxxxx`
MULTIPROCESSING_NAMES = 32  # bytes
SHORT_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")


def socket_folder(wanted: str, num_bytes: int) -> str:
    """`wanted`, or a shorter one where it leaves no `num_bytes` for the names in it.

    ValueError where none can be written to.
    """
    longest = LONGEST_PATH - num_bytes
    for folder in (wanted, *SHORT_FOLDERS):
        if len(os.fsencode(folder)) <= longest and os.access(folder, os.W_OK | os.X_OK):
            return folder
    raise ValueError(
        f"worker processes need a folder for their sockets, whose path may have {longest} bytes: "
        f"that of {wanted} has {len(os.fsencode(wanted))}, and none of {', '.join(SHORT_FOLDERS)} "
        "can be written to. Set TMPDIR to a folder with a shorter path"
    )


def shorten_sockets() -> None:
    """From here on, sockets of multiprocessing lie where their paths fit; other files stay."""
    own = tempfile.tempdir
    tempfile.tempdir = socket_folder(tempfile.gettempdir(), MULTIPROCESSING_NAMES)
    try:
        util.get_temp_dir()  # made once for this process and all that it starts
    finally:
        tempfile.tempdir = own

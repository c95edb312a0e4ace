"""DVC's own file of who uses what, which a kill or a full disk may leave half written.

DVC writes it in place, refuses every command from then on, and does not say what to do.
"""

import json
from pathlib import Path

RWLOCK = Path(".dvc/tmp/rwlock")


def faults_of_rwlock() -> list[str]:
    """A line, with what to do, where DVC could not read the file."""
    try:
        json.loads(RWLOCK.read_text())
    except FileNotFoundError:
        return []
    except ValueError:
        return [f"{RWLOCK} is damaged: run `rm {RWLOCK}` while no DVC runs"]
    return []

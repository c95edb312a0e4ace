"""DVC's own files, which a kill or a full disk may leave half written: it writes them in place.

DVC refuses every command from then on, and does not say what to do.
"""

import json
from pathlib import Path

from ruamel.yaml import YAML

from pipeline.config.out_sums import LOCK, damaged_lock

RWLOCK = Path(".dvc/tmp/rwlock")  # which of its commands use which files


def faults_of_dvc() -> list[str]:
    """A line, with what to do, for each file that DVC would refuse; dvc.lock is YAML, or absent."""
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA
    from voluptuous import Invalid

    faults = []
    try:
        json.loads(RWLOCK.read_text())
    except FileNotFoundError:
        pass  # no command of DVC has run yet
    except ValueError:
        faults.append(f"{RWLOCK} is damaged: run `rm {RWLOCK}` while no DVC runs")
    try:
        COMPILED_LOCKFILE_SCHEMA(YAML(typ="safe", pure=True).load(Path(LOCK).read_text()))
    except FileNotFoundError:
        pass
    except Invalid as error:
        faults.append(str(damaged_lock(error)))
    return faults

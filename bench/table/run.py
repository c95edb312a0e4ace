"""Runs GANscape's table again: eight variants, several seeds each.

`python bench/table/run.py --help`. The flags are the size: small enough for a CPU as they are, the
published system with `--images 1727030 --width 64 --batch-size 128`. A run that was stopped goes
on; what is done is not done again.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from ruamel.yaml import YAML

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Writes params.yaml, then runs dvc; returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    yaml = YAML()
    params = yaml.load(HERE / "params.yaml")
    parser.add_argument("--images", type=int, default=params["images"])
    parser.add_argument("--width", type=int, default=params["width"])
    parser.add_argument("--batch-size", type=int, default=params["batch_size"])
    parser.add_argument("--seeds", type=int, default=len(params["seeds"]), help="how many")
    parser.add_argument("--variants", nargs="+", default=list(params["order"]))
    flags = parser.parse_args()
    unknown = set(flags.variants) - set(params["variants"])
    if unknown:
        parser.error(f"no variant {sorted(unknown)}: there are {list(params['variants'])}")
    params["images"], params["width"] = flags.images, flags.width
    params["batch_size"] = flags.batch_size
    params["seeds"][:] = list(range(flags.seeds))
    params["order"][:] = flags.variants
    with (HERE / "params.yaml").open("w") as file:
        yaml.dump(params, file)
    return subprocess.run(["dvc", "repro", "dvc.yaml"], cwd=HERE, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())

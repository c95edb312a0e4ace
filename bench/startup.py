"""What it costs to ask for nothing: the help, and a `dvc repro` that has nothing to do.

python bench/startup.py --out startup.md

In the project as it is; where a stage is out of date the script says so and leaves the repro out.
"""

import argparse
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from photo_archive import ROOT
from rungs import Run, rate, take

BARE, HELP, STATUS, REPRO = "bare interpreter", "scenefill --help", "dvc status", "dvc repro"
UP_TO_DATE = "Data and pipelines are up to date."


def main() -> None:
    options = _options()
    commands = {
        BARE: [sys.executable, "-c", "pass"],
        HELP: [sys.executable, "-m", "pipeline", "--help"],
    }
    if UP_TO_DATE in said(["dvc", "status", "dvc.yaml"]):
        commands |= {STATUS: ["dvc", "status", "dvc.yaml"], REPRO: ["dvc", "repro"]}
    else:
        print("stages are out of date: run `dvc repro` first", file=sys.stderr)
    runs: dict[str, Run] = {name: partial(seconds, argv) for name, argv in commands.items()}
    rounds = take(runs, options.rounds)
    lines = ["| command | s | more than the bare interpreter, s |", "| --- | --- | --- |"]
    for name in runs:
        median = 1 / rate(rounds, name, 1)
        lines.append(f"| `{name}` | {median:.2f} | {median - 1 / rate(rounds, BARE, 1):.2f} |")
    report = "\n".join(lines) + "\n"
    print(report)
    if options.out:
        options.out.write_text(report)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--out", type=Path, help="also write the table here")
    return parser.parse_args()


def said(argv: list[str]) -> str:
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def seconds(argv: list[str]) -> float:
    started = time.perf_counter()
    said(argv)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()

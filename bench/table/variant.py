"""Trains and evaluates one variant of GANscape: `python variant.py NAME SEED`; see dvc.yaml."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))

from pipeline.commands.comparison import System, compare  # noqa: E402
from pipeline.params.section import read  # noqa: E402

HERE = Path(__file__).parent
RUNS = ROOT / ".work" / "table"


def main(name: str, seed: int) -> None:
    """Writes results/NAME-SEED.csv; the run itself stays in the project's scratch folder."""
    params = read(HERE / "params.yaml")
    options = {"preset": "faithful", "width": params["width"], **params["variants"][name]}
    # One batch size has to be twice the other, whatever fits the machine.
    batch_size = params["batch_size"] * (2 if name == "batch_256" else 1)
    train = {"budget": f"{params['images']} images", "batch_size": batch_size}
    system = System(name, "ganscape", options, train)
    rows = compare([system], [seed], ROOT, RUNS)
    out = HERE / "results" / f"{name}-{seed}.csv"
    out.parent.mkdir(exist_ok=True)
    rows.to_csv(out, index=False)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

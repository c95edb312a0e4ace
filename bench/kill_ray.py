"""Kills nodes of a Ray cluster under the data stages. `bench/kill_ray.py --help`.

Each of `detect_people`, `downscale` and `crop` runs once on this machine's own workers, and again
and again on a cluster of three nodes (processes of this machine, a core each), of which one is
killed at a random moment of each run. All must leave the same bytes, and no finished part may be
made twice. `--overhead` compares the time of undisturbed runs instead; what a run of few photos
takes is taken for the start.
"""

import argparse
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

from kill_data import (
    STAGES,
    Outcome,
    _has_come_to,
    _note_remade,
    _wait,
    num_parts,
    outs_of,
    prepare,
    run,
    set_params,
    start,
    twin,
    undisturbed,
)

NUM_NODES = 3
NUM_RUNS = 3
FEW_PHOTOS = 200
PHOTOS_PER_SHARD = 1000  # as the profiles have it


def main() -> None:
    options = _options()
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    print("| stage | parts | nodes killed | parts made twice | outs that differ |")
    print("|" + " --- |" * 5)
    failed = False
    with tempfile.TemporaryDirectory() as name:
        prepared = prepare(Path(name) / "prepared", options.photos, False)
        if options.overhead:
            few = prepare(Path(name) / "few", FEW_PHOTOS, False)
            overhead(few, prepared, Path(name))
            return
        for stage in STAGES:
            found = kill_and_compare(prepared, Path(name), stage, options.kills)
            cells = [stage, found.num_parts, found.kills["worker"], len(found.remade)]
            print("| " + " | ".join(map(str, [*cells, len(found.differing)])) + " |", flush=True)
            failed = failed or bool(found.remade or found.differing)
    sys.exit(1 if failed else 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=10, help="of each stage")
    parser.add_argument("--photos", type=int, default=4_000)
    parser.add_argument("--overhead", action="store_true")
    return parser.parse_args()


def cluster() -> Any:
    from ray.cluster_utils import Cluster

    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    for _ in range(NUM_NODES - 1):
        nodes.add_node(num_cpus=1)
    return nodes


def on_cluster(folder: Path, address: str) -> None:
    ray = {"address": address, "num_gpus": 0.0}
    set_params(folder, {"runtime": {"engine": "ray", "ray": ray}})


def kill_and_compare(prepared: Path, work: Path, stage: str, num_kills: int) -> Outcome:
    """As many runs of the stage, a node killed in each, beside one on this machine's workers."""
    alone = undisturbed(prepared, work, stage, 2)
    found = Outcome(stage, num_parts(alone, stage))
    nodes, rng = cluster(), random.Random(stage)
    for _ in range(num_kills):
        killed = twin(prepared, work / f"{stage}-killed", stage, 2)
        on_cluster(killed, nodes.address)
        seen: dict[str, tuple[int, int]] = {}
        process = start(killed, stage)
        moment = rng.randrange(found.num_parts * 3 // 4)
        _wait(process, killed, partial(_has_come_to, killed, stage, moment))
        _note_remade(killed, found, seen)
        # The head has the cluster's state: no work survives it.
        victim = rng.choice([node for node in nodes.list_all_nodes() if not node.head])
        nodes.remove_node(victim, allow_graceful=False)
        found.kills["worker"] += 1
        while process.poll() is None:
            _note_remade(killed, found, seen)
            time.sleep(0.01)
        if process.returncode:
            raise RuntimeError(f"{stage} failed:\n{(killed / 'log').read_text()}")
        sums = [outs_of(folder, stage) for folder in (alone, killed)]
        found.differing += sorted(
            path for path in set().union(*sums) if len({each.get(path) for each in sums}) > 1
        )
        shutil.rmtree(killed)
        nodes.add_node(num_cpus=1)
    nodes.shutdown()
    shutil.rmtree(alone)
    return found


def overhead(few: Path, many: Path, work: Path) -> None:
    """Seconds of `downscale` with two cores of each engine, in turn; medians of NUM_RUNS."""
    from ray.cluster_utils import Cluster

    begun = time.monotonic()
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 2})
    print(f"start of a node: {time.monotonic() - begun:.1f} s")
    took: dict[tuple[str, Path], list[float]] = {}
    for number in range(NUM_RUNS):
        for prepared in (few, many):
            for engine in ("local", "ray"):
                folder = twin(prepared, work / f"{engine}-{prepared.name}-{number}", "downscale", 2)
                set_params(folder, {"downscale": {"photos_per_shard": PHOTOS_PER_SHARD}})
                if engine == "ray":
                    on_cluster(folder, nodes.address)
                begun = time.monotonic()
                run(folder, "downscale")
                took.setdefault((engine, prepared), []).append(time.monotonic() - begun)
                shutil.rmtree(folder)
    nodes.shutdown()
    running = {}
    for engine in ("local", "ray"):
        start, whole = (statistics.median(took[engine, each]) for each in (few, many))
        running[engine] = whole - start
        print(f"{engine}: {start:.1f} s of few photos, {whole:.1f} s of all")
    print(f"Ray takes {running['ray'] / running['local']:.2f} times as long once it runs")


if __name__ == "__main__":
    main()

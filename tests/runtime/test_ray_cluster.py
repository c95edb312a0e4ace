"""The same calls on a Ray cluster: order, errors, nodes that die, and the bytes of a local run."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pipeline.runtime.code_closure import ROOT
from pipeline.runtime.ray_cluster import RayCluster, connected
from pipeline.runtime.workers import in_order, run_parts
from support import engine_calls
from support.documents import commands
from support.free_port import free_port
from support.waiting import wait_until

HERE = RayCluster("", 0.0)


def test_a_head_that_does_not_answer_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.runtime.ray_cluster.require_extra", lambda *names, what: None)
    port = free_port()
    nobody = RayCluster(f"127.0.0.1:{port}", 0.0)
    with pytest.raises(ValueError, match=f"address is '127.0.0.1:{port}', where nothing answers"):
        list(in_order([partial(engine_calls.square, 1)], nobody))


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.runtime.extras.find_spec", lambda module: None)
    with pytest.raises(ValueError, match=r"runtime.engine: ray needs ray, .*scenefill\[ray\]"):
        list(in_order([partial(engine_calls.square, 1)], HERE))


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Three nodes of one core, as processes of this machine."""
    pytest.importorskip("ray", reason="ray is not installed")
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    # Tasks import what the tests call.
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    from ray.cluster_utils import Cluster

    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    for _ in range(2):
        nodes.add_node(num_cpus=1)
    nodes.wait_for_nodes()
    yield nodes
    import ray

    ray.shutdown()
    nodes.shutdown()
    monkeypatch.undo()


JOIN = """
import sys
from pipeline.runtime.ray_cluster import RayCluster, connected
try:
    with connected(RayCluster(sys.argv[1], 0.0)) as ray:
        print(f"{len(ray.nodes())} nodes")
except ValueError as error:
    print(error)
"""


@pytest.mark.slow
def test_a_cluster_with_a_token(tmp_path: Path) -> None:
    """Started as the guide says: nodes and stages that send the token are let in, others told."""
    pytest.importorskip("ray", reason="ray is not installed")
    generate, export = (line.split("#")[0].split() for line in commands("token"))
    name, mode = export[1].split("=")
    stranger = os.environ | {"RAY_USAGE_STATS_ENABLED": "0", "PYTHONPATH": str(ROOT)}
    stranger["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with_token = stranger | {"HOME": str(tmp_path), name: mode}
    without = [stranger | {"HOME": str(tmp_path)}, with_token | {"HOME": str(tmp_path / "other")}]
    subprocess.run(generate, env=with_token, check=True)
    # Sockets below pytest's folder would have names that are too long.
    with tempfile.TemporaryDirectory(prefix="ray") as folder:
        address = f"127.0.0.1:{free_port()}"
        start = ["ray", "start", "--num-cpus=1", "--block"]
        port = f"--port={address.rpartition(':')[2]}"
        head = [*start, "--head", port, "--include-dashboard=false", f"--temp-dir={folder}"]
        nodes = [subprocess.Popen(head, env=with_token)]

        def said(environment: dict[str, str]) -> str:
            join = [sys.executable, "-c", JOIN, address]
            return subprocess.run(join, env=environment, capture_output=True, text=True).stdout

        try:
            wait_until(lambda: "1 nodes" in said(with_token), "the head", seconds=300)
            nodes.append(subprocess.Popen([*start, f"--address={address}"], env=with_token))
            wait_until(lambda: "2 nodes" in said(with_token), "the other node", seconds=300)
            for environment in without:
                assert "set RAY_AUTH_MODE=token here" in said(environment)
        finally:
            for node in reversed(nodes):
                node.terminate()
                node.wait()


@pytest.mark.slow
def test_a_cluster_does_what_the_local_workers_do(cluster: Any, tmp_path: Path) -> None:
    workers = RayCluster(cluster.address, 0.0)
    calls = [partial(engine_calls.square, number) for number in range(20)]
    assert list(in_order(calls, workers)) == [number**2 for number in range(20)]
    assert list(in_order([], workers)) == []

    # A killed worker's call is made again
    marks = tmp_path / "marks"
    marks.mkdir()
    deadly = [partial(engine_calls.die_until, marks, 2, number) for number in range(6)]
    assert list(in_order(deadly, workers)) == list(range(6))
    assert len(list(marks.iterdir())) == 2

    # An error names the photo, and shows the task's own traceback
    with pytest.raises(KeyError, match="seven") as caught:
        list(in_order([partial(engine_calls.fail_at_photo, "a/0.jpg")], workers))
    assert caught.value.__notes__ == ["at the photo a/0.jpg (key the-key)"]
    assert "fail_at_photo" in str(caught.value.__cause__)

    # No more is begun than a few results ahead
    begun = 0

    def counted() -> Iterator[partial[int]]:
        nonlocal begun
        for number in range(40):
            begun += 1
            yield partial(engine_calls.square, number)

    for taken, _ in enumerate(in_order(counted(), workers)):
        assert begun <= taken + 2 * 3


@pytest.mark.slow
def test_a_node_that_is_killed_costs_no_part_and_makes_none_twice(
    cluster: Any, tmp_path: Path
) -> None:
    made = tmp_path / "made"
    plan = [(f"{n:02d}", partial(engine_calls.slow_part, f"{n:02d}", made)) for n in range(12)]
    extra = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    done: list[int] = []

    def advance(num: int) -> None:
        done.append(num)
        if len(done) == 3:
            cluster.remove_node(extra, allow_graceful=False)

    folders = run_parts(tmp_path / "parts", plan, advance, RayCluster(cluster.address, 0.0))
    assert [(folder / "data").read_text() for folder in folders] == [name for name, _ in plan]
    # What was under way may have been begun twice; what was marked was not.
    assert set(made.read_text().split()) == {name for name, _ in plan}
    assert sorted(path.name for path in (tmp_path / "parts").iterdir()) == [n for n, _ in plan]


@pytest.mark.slow
def test_actors_build_once_and_pass_on_in_order(cluster: Any, tmp_path: Path) -> None:
    from pipeline.runtime.ray_cluster import through_actors

    built = tmp_path / "built"
    calls = [partial(engine_calls.square, number) for number in range(12)]
    workers = RayCluster(cluster.address, 0.0)
    results = list(through_actors(calls, workers, partial(engine_calls.adder, built)))
    assert results == [number**2 + 1 for number in range(12)]
    with connected(workers) as ray:
        assert 1 <= len(built.read_text().splitlines()) <= len(ray.nodes())
    with pytest.raises(ValueError, match=r"num_gpus is 1, but the cluster has 0 GPUs"):
        list(through_actors(calls, RayCluster(cluster.address, 1.0), engine_calls.pid))

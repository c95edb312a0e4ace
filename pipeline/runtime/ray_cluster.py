"""Runs calls as tasks of a Ray cluster, where `runtime.engine` is ray: results in the plan's order.

All nodes see the project's folder under the same path, and have Scenefill installed.
"""

import os
import signal
import socket
import tempfile
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pipeline.runtime.code_closure import ROOT
from pipeline.runtime.extras import require_extra
from pipeline.runtime.progress import say
from pipeline.runtime.socket_folder import socket_folder

T = TypeVar("T")

# Calls handed out for each core whose results nobody has taken yet: what bounds memory.
AHEAD = 2
# A call that is lost so often, with its worker or its node, is an error.
MAX_LOSSES = 5
SECONDS_TO_ANSWER = 5.0
# How often one actor is asked before the answer to the first is taken.
ASKED_AHEAD = 2
# Of the sockets of a cluster that Ray starts on this machine:
# `/ray/session_2026-11-29_10-59-39_123456_1234567/sockets/plasma_store`, and some more
SOCKET_NAMES = 72  # bytes

# In a task's process: what has been called once in it.
_initialized: set[str] = set()


@dataclass(frozen=True)
class RayCluster:
    """`runtime.ray`: where the head node is, and the share of a GPU that a detector takes."""

    address: str  # host:port, `auto`, or empty: a cluster of this machine alone
    num_gpus: float


@contextmanager
def connected(cluster: RayCluster) -> Iterator[Any]:
    """Yields the module `ray`, connected; ValueError where it is not installed or no head answers.

    It is left connected: the next calls of the stage find the same cluster.
    """
    require_extra("ray", "ray", what="params.yaml runtime.engine: ray")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    # An error of a call is raised by whoever takes its result; of those left, nobody wants to know.
    os.environ.setdefault("RAY_IGNORE_UNHANDLED_ERRORS", "1")
    _require_answer(cluster.address)
    import ray as library

    ray: Any = library  # annotated here and there
    if not ray.is_initialized():
        # Ray sets handlers of its own, and a stage has its own already (parent.py).
        before = signal.getsignal(signal.SIGTERM)
        try:
            ray.init(
                address=cluster.address or "local",
                _temp_dir=None if cluster.address else _temporary(),
                log_to_driver=False,
                logging_level="ERROR",
                runtime_env={"env_vars": _environment()},
            )
        except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
            raise ValueError(
                f"no Ray cluster at params.yaml runtime.ray.address {cluster.address!r} ({error}): "
                "start one with `ray start --head`, or leave the address empty. Where one runs, it "
                "may ask for a token: set RAY_AUTH_MODE=token here, and have its ~/.ray/auth_token"
            ) from error
        finally:
            signal.signal(signal.SIGTERM, before)
        say(f"Ray: {num_nodes(ray)} nodes, {num_cores(ray)} cores")
    yield ray


def _temporary() -> str:
    """Where a cluster of this machine keeps its sockets and logs: Ray's own choice, if it fits."""
    wanted = os.environ.get("RAY_TMPDIR") or tempfile.gettempdir()
    return os.path.join(socket_folder(wanted, SOCKET_NAMES), "ray")


def _environment() -> dict[str, str]:
    """What the project's own processes have and a node may not; the code that runs here."""
    names = ("DVC_ROOT", "YOLO_OFFLINE")
    path = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    own = {name: os.environ[name] for name in names if name in os.environ}
    return own | {"PYTHONPATH": os.pathsep.join(path)}


def _require_answer(address: str) -> None:
    """A head that does not answer is told within seconds; Ray would wait for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host:
        return
    try:
        socket.create_connection((host, int(port)), timeout=SECONDS_TO_ANSWER).close()
    except (OSError, ValueError) as error:
        raise ValueError(
            f"params.yaml runtime.ray.address is {address!r}, where nothing answers ({error}): "
            "`ray start --head` prints the address of a cluster; empty starts one on this machine"
        ) from error


def num_nodes(ray: Any) -> int:
    """Those that are alive."""
    return sum(bool(node["Alive"]) for node in ray.nodes())


def num_cores(ray: Any) -> int:
    """Of all nodes together."""
    return max(1, int(ray.cluster_resources().get("CPU", 1)))


def in_order(
    calls: Iterable[Callable[[], T]],
    cluster: RayCluster,
    initialize: Callable[[], None] | None = None,
) -> Generator[T, None, None]:
    """As `workers.in_order`, as tasks of one core each."""
    with connected(cluster) as ray:
        folder = os.getcwd()
        task = ray.remote(num_cpus=1, max_retries=MAX_LOSSES - 1, scheduling_strategy="SPREAD")(
            _answer
        )
        refs = (task.remote(folder, initialize, call) for call in calls)
        yield from _results(ray, refs, AHEAD * num_cores(ray))


def through_actors(
    calls: Iterable[Callable[[], Any]],
    cluster: RayCluster,
    build: Callable[[], Callable[[Any], T]],
) -> Generator[T, None, None]:
    """The results of `calls`, each passed through what `build` gives, in their order.

    Tasks of one core feed actors, which keep what they have built: one for each `num_gpus` of the
    cluster's GPUs, or without GPUs one a node.
    """
    with connected(cluster) as ray:
        folder = os.getcwd()
        task = ray.remote(num_cpus=1, max_retries=MAX_LOSSES - 1, scheduling_strategy="SPREAD")(
            _answer
        )
        actor = ray.remote(
            # No core: those left after a lost node could all be theirs, and the tasks would wait.
            num_cpus=0,
            num_gpus=cluster.num_gpus,
            max_restarts=-1,
            max_task_retries=MAX_LOSSES - 1,
            scheduling_strategy="SPREAD",
        )(_Actor)
        actors = [actor.remote(folder, build) for _ in range(num_actors(ray, cluster))]
        refs = (
            actors[number % len(actors)].pass_on.remote(task.remote(folder, None, call))
            for number, call in enumerate(calls)
        )
        try:
            ahead = max(ASKED_AHEAD * len(actors), AHEAD * num_cores(ray))
            yield from _results(ray, refs, ahead)
        finally:
            for each in actors:
                ray.kill(each)


def num_actors(ray: Any, cluster: RayCluster) -> int:
    """How many the cluster has room for; ValueError where it has the GPUs for none."""
    if not cluster.num_gpus:
        return num_nodes(ray)
    gpus: float = ray.cluster_resources().get("GPU", 0.0)
    if gpus < cluster.num_gpus:
        raise ValueError(
            f"params.yaml runtime.ray.num_gpus is {cluster.num_gpus:g}, but the cluster has "
            f"{gpus:g} GPUs: lower it, 0 detects on the CPU, or add nodes with GPUs"
        )
    return int(gpus // cluster.num_gpus)


# A result, or the error and its traceback as text.
Answer = tuple[Any, Exception | None, str]


class InTaskError(Exception):
    """Holds the task's traceback, to stand above ours."""


def _results(ray: Any, refs: Iterator[Any], ahead: int) -> Generator[Any, None, None]:
    """At most `ahead` are begun and not taken; the first error, or leaving early, ends all."""
    begun: deque[Any] = deque()
    try:
        for ref in refs:
            begun.append(ref)
            if len(begun) >= ahead:
                yield _result(ray, begun.popleft())
        while begun:
            yield _result(ray, begun.popleft())
    finally:
        for ref in begun:
            ray.cancel(ref, recursive=True)


def _result(ray: Any, ref: Any) -> Any:
    try:
        value, error, trace = ray.get(ref)
    except ray.exceptions.RayError as lost:
        raise ValueError(
            f"Ray could not finish a call, which it makes up to {MAX_LOSSES} times ({lost}). Where "
            "memory was short, start nodes with fewer CPUs (`ray start --num-cpus`); finished work "
            "is kept, run again to go on from here"
        ) from lost
    if error is not None:
        raise error from InTaskError(f"\n{trace}")
    return value


def _answer(folder: str, initialize: Callable[[], None] | None, call: Callable[[], Any]) -> Answer:
    """In a task."""
    _enter(folder)
    try:
        if initialize is not None and repr(initialize) not in _initialized:
            initialize()
            _initialized.add(repr(initialize))
        return call(), None, ""
    except Exception as error:
        return None, error, traceback.format_exc()


class _Actor:
    """Keeps what takes long to build."""

    def __init__(self, folder: str, build: Callable[[], Callable[[Any], Any]]) -> None:
        _enter(folder)
        self._pass = build()

    def pass_on(self, answer: Answer) -> Answer:
        """The answer to a call with its value passed on, or its error as it is."""
        value, error, trace = answer
        if error is not None:
            return answer
        try:
            return self._pass(value), None, ""
        except Exception as fault:
            return None, fault, traceback.format_exc()


def _enter(folder: str) -> None:
    """Paths of the project are relative to its folder."""
    if not Path(folder).is_dir():
        raise ValueError(
            f"the project's folder {folder} is not on the node {socket.gethostname()}: with "
            "params.yaml runtime.engine: ray all nodes need it under the same path"
        )
    os.chdir(folder)

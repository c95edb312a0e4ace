"""Commands of `scenefill`, each in a process of its own that has imported what it needs already.

A fresh process would mostly import. One server imports once and forks; its children are the real
command line, with its exit codes and what signals and limits do to it.
"""

import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.runtime.code_closure import ROOT
from support.address_space import address_space_now

PATIENCE = 600  # seconds; a command that takes longer hangs, and is killed
HUNG = 1000  # no exit code
# By their names in `resource`; of the address space, bytes more than there are at the start.
Limits = Mapping[str, int]


class Ended(NamedTuple):
    """What a command left."""

    code: int  # negative: the signal that ended it
    said: str
    hung: bool = False  # it did not end by itself


class Forked:
    """A running command."""

    def __init__(self, server: "Server", pid: int, log: Path) -> None:
        self.server, self.pid, self.log = server, pid, log

    def ended(self) -> Ended:
        """Waits for it."""
        code = self.server.ask({"wait": self.pid})
        return Ended(code, self.log.read_text(errors="replace"), code == HUNG)


class Server:
    """Forks commands; to be closed."""

    def __init__(self, folder: Path, modules: Sequence[str], programs: Path | None = None) -> None:
        """What commands say is kept in `folder`; `modules` are imported beforehand.

        What lies in the folder `programs` comes first on PATH.
        """
        self.folder, self.number = folder, 0
        folder.mkdir(parents=True, exist_ok=True)
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("DVC", "RANK"))}
        environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
        if programs is not None:
            environment["PATH"] = f"{programs}{os.pathsep}{os.environ['PATH']}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "support.forked_commands", *modules],
            env=environment | {"OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.lock = threading.Lock()

    def start(self, project: Path, *words: str, limits: Limits | None = None) -> Forked:
        """`scenefill words...` in the folder `project`, with soft `limits` by their names."""
        self.number += 1
        log = self.folder / f"{self.number}.log"
        asked = {"in": str(project), "words": words, "log": str(log), "limits": limits or {}}
        return Forked(self, self.ask(asked), log)

    def ask(self, question: dict[str, Any]) -> int:
        assert self.process.stdin is not None and self.process.stdout is not None
        with self.lock:
            self.process.stdin.write(json.dumps(question) + "\n")
            self.process.stdin.flush()
            return int(self.process.stdout.readline())

    def close(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def serve(modules: Sequence[str]) -> None:
    """The server's life: a line of JSON asks, a number answers."""
    from pipeline import cli

    for module in modules:
        import_module(module)
    while line := sys.stdin.readline():
        asked = json.loads(line)
        if "wait" in asked:
            answer = _waited(asked["wait"])
        else:
            answer = os.fork()
            if answer == 0:
                _become(asked)
                cli.main()
                return
        print(answer, flush=True)


def _waited(pid: int) -> int:
    """The exit code."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return HUNG


def _become(asked: dict[str, Any]) -> None:
    """In the child: the command's folder, words, limits and output."""
    os.chdir(asked["in"])
    sys.argv = ["scenefill", *asked["words"]]
    log = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for target, source in ((0, nothing), (1, log), (2, log)):
        os.dup2(source, target)
    for name, limit in asked["limits"].items():
        kind = getattr(resource, name)
        soft = limit + address_space_now() if name == "RLIMIT_AS" else limit
        resource.setrlimit(kind, (soft, resource.getrlimit(kind)[1]))


if __name__ == "__main__":
    serve(sys.argv[1:])

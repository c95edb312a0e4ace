"""What has to be there before a command runs: a project around it, and its inputs.

What a stage needs and makes is read from dvc.yaml, so that no command has words of its own for it.
"""

import os
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipeline.runtime.running import is_running

DVC_FILE = "dvc.yaml"
MARK = "python -m pipeline"  # in our dvc.yaml and in nobody else's


def find_project(start: Path) -> Path | None:
    """The nearest folder, `start` or above it, that is a project of ours."""
    for folder in (start, *start.parents):
        file = folder / DVC_FILE
        if file.is_file() and MARK in file.read_text(encoding="utf-8", errors="replace"):
            return folder
    return None


def enter_project() -> Path:
    """Makes the project's folder the current one; ValueError outside of a project.

    Returns what a path that the user typed is relative to: nothing where the project's folder was
    the current one already, else the folder that was.
    """
    here = Path.cwd()
    project = find_project(here)
    if project is None:
        raise ValueError(
            f"{here} is in no project of Scenefill: go to the folder that holds {DVC_FILE} and "
            "params.yaml, or to one inside it"
        )
    if project == here:
        return Path()
    os.chdir(project)
    return here


def require_inputs(stage: str, *, shards_here: bool = True) -> list[str]:
    """The inputs of `stage`; ValueError where one is not there, or the stage that makes it runs."""
    line = Line()
    needed = list(line.inputs(stage, shards_here=shards_here))
    for maker in dict.fromkeys(map(line.maker, needed)):
        if is_running(maker):
            raise ValueError(f"{stage} needs what `{maker}` makes, which is running: wait for it")
    line.require(stage, needed)
    return needed


def require_outs(who: str, *outs: str) -> None:
    """ValueError where one of `outs` of the stages is not there, with the way to get it."""
    Line().require(who, outs)


class Line:
    """The stages of dvc.yaml; only what they make of each other counts, code and README do not."""

    @cached_property
    def stages(self) -> dict[str, Any]:
        stages: dict[str, Any] = YAML(typ="safe", pure=True).load(Path(DVC_FILE))["stages"]
        return stages

    @staticmethod
    def maker(path: str) -> str:
        """A stage writes into the folder of its name."""
        return path.split("/")[1]

    def outs(self, stage: str) -> list[str]:
        """All that `stage` makes, metrics among them."""
        made = (*self.stages[stage]["outs"], *self.stages[stage].get("metrics", []))
        return [out if isinstance(out, str) else next(iter(out)) for out in made]

    def inputs(self, stage: str, *, shards_here: bool = True) -> Iterator[str]:
        """The outs of other stages that `stage` reads; for a folder of several, each of them.

        Without `shards_here` not the final shards, which are read from elsewhere.
        """
        if shards_here:
            yield from self.stages[stage].get("meta", {}).get("shards", [])
        for dep in self.stages[stage]["deps"]:
            folder, _, rest = dep.partition("/")
            if folder == "data" and self.maker(dep) in self.stages:
                made = self.outs(self.maker(dep))
                yield from [dep] if dep in made else made

    def before(self, stage: str) -> set[str]:
        """All stages that `stage` rests on."""
        makers = {self.maker(path) for path in self.inputs(stage)}
        return makers.union(*map(self.before, makers))

    def require(self, who: str, outs: Iterable[str]) -> None:
        missing = [out for out in outs if not Path(out).exists()]
        if not missing:
            return
        makers = list(dict.fromkeys(map(self.maker, missing)))
        rest_on = {maker: self.before(maker) for maker in makers}
        needs = f"{who} needs {missing[0]}, which `{makers[0]}` makes and which is not there"
        for stage in self.stages:
            if stage in rest_on or any(stage in each for each in rest_on.values()):
                if is_running(stage):
                    raise ValueError(f"{needs} yet: `{stage}` is running, wait for it")
        # A stage that another one rests on is made with it.
        last = [each for each in makers if not any(each in rest_on[other] for other in makers)]
        raise ValueError(f"{needs}: run `dvc repro {' '.join(last)}`, or `dvc pull`")

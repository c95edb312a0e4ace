"""`scenefill record`: the last run as a commit of git, as DVC wants it.

What stands in git of a run is dvc.lock and the figures that dvc.yaml does not cache. Other changes
are the user's own, and stay out of the commit.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path

from pipeline.commands.repository import words_of_refusal
from pipeline.config.out_sums import LOCK
from pipeline.config.preconditions import DVC_FILE, Line
from pipeline.params.section import read
from pipeline.runtime.listing import listed

# Who commits where git does not know its user; a name in git's own settings comes first.
NOBODY = {"user.name": "scenefill", "user.email": "scenefill@localhost"}


def record_run() -> str:
    """Commits what git keeps of the last run; says what was done, or why nothing was.

    Nothing is committed where tracked files have changes: the commit would hold a run of params or
    code that it does not hold. ValueError where there was no run, or where git refuses the commit.
    """
    if not Path(LOCK).is_file():
        raise ValueError(f"record needs {LOCK}, which a run writes: run `dvc repro`")
    if (reason := _reason_against()) is not None:
        return f"this run was not committed to git: {reason}"
    paths = [LOCK, *(path for path in _figures() if Path(path).is_file())]
    _must("add", "--", *paths)
    if _git("diff", "--cached", "--quiet", "HEAD", "--", *paths).returncode == 0:
        return "git has this run already"
    params = read()
    subject = f"Run: {params['train']['recipe']} on {params['download']['source']}"
    _must(*_identity(), "commit", "--quiet", "--message", subject, "--", *paths)
    revision = _must("rev-parse", "--short", "HEAD")
    message = (
        f"committed this run to git as {revision} ({', '.join(paths)}): later runs and experiments "
        "are compared with it; `git reset HEAD~1` takes the commit back and leaves the files"
    )
    if _git("symbolic-ref", "--quiet", "HEAD").returncode:
        message += "\nthe commit is on no branch: `git switch -c NAME` keeps it"
    return message


def _reason_against() -> str | None:
    """What is said where the run cannot be committed alone."""
    try:
        inside = _git("rev-parse", "--is-inside-work-tree")
    except FileNotFoundError:
        return "git is not on PATH"
    if inside.returncode:
        return words_of_refusal(inside.stderr)
    together = "`git add --all` and `git commit` commit it together with the run"
    if _git("cat-file", "-e", f"HEAD:./{DVC_FILE}").returncode:
        return f"no commit holds the project yet; {together}"
    others = [f":(exclude){path}" for path in (LOCK, *_figures())]
    changed = _must("diff", "--name-only", "--relative", "HEAD", "--", ".", *others).splitlines()
    if changed:
        return f"{listed(changed)} changed since the last commit; {together}"
    return None


def _figures() -> Iterator[str]:
    """The outs of dvc.yaml that git tracks in place of DVC."""
    for stage in Line().stages.values():
        for metrics in stage.get("metrics", []):
            for path, options in metrics.items():
                if options["cache"] is False:
                    yield path


def _identity() -> list[str]:
    """Options of git for what it does not know of who commits."""
    if _git("var", "GIT_COMMITTER_IDENT").returncode == 0:
        return []
    unknown = {key: text for key, text in NOBODY.items() if _git("config", key).returncode}
    return [word for key, text in unknown.items() for word in ("-c", f"{key}={text}")]


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)


def _must(*arguments: str) -> str:
    """What git prints; ValueError with git's own words where it refuses."""
    run = _git(*arguments)
    if run.returncode:
        raise ValueError(
            f"git does not commit this run: {run.stderr.strip() or run.stdout.strip()}\n"
            f"The run is whole; commit {LOCK} and the figures in data/ when that is mended"
        )
    return run.stdout.strip()

"""The git repository of the project, where git opens none."""

from pathlib import Path


def is_below_git_folder() -> bool:
    """Whether a repository is here or above, which git refuses then: as another user's, say."""
    here = Path.cwd()
    return any((folder / ".git").exists() for folder in (here, *here.parents))


def words_of_refusal(stderr: str) -> str:
    """Why git opens no repository here; `stderr` is what it said, which names its remedy."""
    if is_below_git_folder():
        return f"git does not open the repository here: {stderr.strip()}"
    return f"{Path.cwd()} is in no repository"

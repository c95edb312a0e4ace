"""The metric history as DVCLive files, written once from the rows kept in the checkpoint."""

from pathlib import Path

from dvclive import Live  # type: ignore[attr-defined]

from pipeline.tracking.live import Row


class FilesOnly(Live):
    """DVCLive without its look at the surroundings.

    Live initialises DVC in any git repository that it is started in, fails in one without commits,
    and posts to Studio where the machine has a token; a stage leaves files and nothing else.
    """

    def _init_dvc(self) -> None:
        pass

    def _init_studio(self) -> None:
        self._studio_events_to_skip.update({"start", "data", "done"})


def write_history(folder: Path, rows: list[Row]) -> None:
    """One tsv a metric under folder/plots/metrics/, the last values in folder/metrics.json.

    Replayed and not appended while training, so that a resumed run has the same bytes.
    """
    with FilesOnly(str(folder), report=None, save_dvc_exp=False, dvcyaml=False) as live:
        for row in rows:
            # By hand: next_step() would read all files again for every row.
            live.step = int(row["step"])
            for name, value in row.items():
                if name != "step":
                    live.log_metric(name, value)

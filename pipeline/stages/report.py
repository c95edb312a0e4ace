"""Stage: what all stages left -> one page to read, one to rate images on, and two cards.

The page is a single file: styles, scripts and images are in it, and it asks no server for
anything.
"""

from pathlib import Path

from pipeline.params.report import ReportParams
from pipeline.params.section import load, read
from pipeline.report.page import gather, render
from pipeline.runtime.progress import say
from pipeline.runtime.scratch import published_together


def run(data: Path = Path("data")) -> None:
    """Writes data/report/: index.html, rating.html, model_card.md, data_card.md."""
    params = load("report", ReportParams)
    files = render(gather(data, read(), params))
    with published_together(data / "report") as out:
        for name, content in files.items():
            (out / name).write_text(content, encoding="utf-8")
    out = data / "report"
    say(f"report: open {out / 'index.html'} in a browser; rate images in {out / 'rating.html'}")

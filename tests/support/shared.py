"""Where real photos and weights lie that the project does not hold; it may be nowhere."""

import os
from pathlib import Path

SHARED = Path(os.environ.get("SCENEFILL_SHARED", Path(__file__).parents[3] / "shared"))

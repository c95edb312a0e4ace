"""What a photo is worth before anybody asks who is in it: the status that the verdict rests on."""

import pandas as pd

from pipeline.params.filter_people import FilterPeopleParams

COLUMNS = ("status", "traits", "contrast")
# From the worst on; photos of all but the first are dropped.
STATUSES = ("ok", "broken", "unreadable_mode", "damaged", "transparent", "flat")


def judged_status(photos: pd.DataFrame, params: FilterPeopleParams) -> "pd.Series[str]":
    """One of STATUSES; missing where the photo was not looked at. `photos` has COLUMNS."""
    status = photos["status"]
    if params.damaged == "keep":
        status = status.replace("damaged", "ok")
    if params.transparency == "drop":
        is_transparent = (
            photos["traits"].fillna("").str.split().map(lambda traits: "transparent" in traits)
        )
        status = status.mask((status == "ok") & is_transparent, "transparent")
    return status.mask((status == "ok") & (photos["contrast"] < params.min_contrast), "flat")

"""Where photos come from and on what terms, for the data card."""

from typing import NamedTuple


class Terms(NamedTuple):
    name: str
    what: str
    terms: str


PLACES = (
    "The images are for non-commercial research and education; their copyright stays with their "
    "owners, and the Places365 team holds none. Do not pass on the shards, nor use them to "
    "identify people. Cite Zhou et al., Places: A 10 Million Image Database for Scene Recognition "
    "(TPAMI 2018)."
)
SOURCES = {
    "synthetic": Terms(
        "painted landscapes",
        "Painted by this project from random numbers, as a stand-in for photographs. The people "
        "that the filter has to find are cut, at run time, out of two photos that the package "
        "ultralytics ships.",
        "The landscapes are the project's own and free to pass on under its licence, AGPL-3.0; the "
        "cut-out people are under that of ultralytics, AGPL-3.0 too.",
    ),
    "folder": Terms(
        "your own photos",
        "Photos from a folder on the machine of whoever ran this, one folder a category.",
        "Yours, or their authors': who passes on the shards passes on the photos.",
    ),
    "places365_val": Terms(
        "Places365, validation set", "36,500 scene photographs, 100 a category.", PLACES
    ),
    "places365": Terms("Places365, training set", "1,803,460 scene photographs.", PLACES),
    "celeba": Terms(
        "CelebA",
        "202,599 photographs of celebrities' faces.",
        "For non-commercial research only; no part may be passed on. Identifiable persons are "
        "shown, who have not agreed to it.",
    ),
    "mnist": Terms(
        "MNIST",
        "70,000 handwritten digits.",
        "Free to use; made of forms collected by the United States' NIST.",
    ),
}

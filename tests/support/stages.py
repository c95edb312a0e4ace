"""The stages that make a data set, in their order."""

from pipeline.cli import STAGES

DATA_STAGES = list(STAGES)[: list(STAGES).index("crop") + 1]

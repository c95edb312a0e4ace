"""The whole of params.yaml, with the rules between sections. Only the CLI imports this."""

import hashlib
import json
from pathlib import Path
from typing import Any, Self

from pydantic import ConfigDict, Field, model_validator

from pipeline.hole_kinds.box import BoxOptions
from pipeline.hole_kinds.center import CenterOptions
from pipeline.hole_kinds.free_form import FreeFormOptions
from pipeline.hole_kinds.random_pixels import RandomPixelsOptions
from pipeline.hole_kinds.strip import StripOptions
from pipeline.holes.options import HoleOptions
from pipeline.params.crop import CropParams
from pipeline.params.detect_people import DEMO_SHA256, DetectPeopleParams
from pipeline.params.download import DownloadParams
from pipeline.params.downscale import DownscaleParams
from pipeline.params.evaluate import EvaluateParams
from pipeline.params.filter_categories import FilterCategoriesParams
from pipeline.params.filter_people import FilterPeopleParams
from pipeline.params.index import IndexParams
from pipeline.params.report import ReportParams
from pipeline.params.runtime import RuntimeParams
from pipeline.params.section import PARAMS_PATH, Section, check, closest, read
from pipeline.params.train import TrainParams
from pipeline.params.train_features import TrainFeaturesParams
from pipeline.places365.categories import categories, outdoor
from pipeline.runtime.code_closure import ROOT
from pipeline.runtime.scratch import work_dir
from pipeline.sources.celeba.options import CelebaOptions
from pipeline.sources.folder.options import FolderOptions
from pipeline.sources.mnist.options import MnistOptions
from pipeline.sources.places365.options import Places365Options
from pipeline.sources.places365_val.options import Places365ValOptions
from pipeline.sources.synthetic.options import SyntheticOptions

# Empty: what `download` depends on where no photos of the user's own are read.
NO_PHOTOS = "data/none"


class Sources(Section):
    """Options of each source; `download.source` chooses one."""

    synthetic: SyntheticOptions
    folder: FolderOptions
    places365_val: Places365ValOptions
    places365: Places365Options
    celeba: CelebaOptions
    mnist: MnistOptions


class Holes(Section):
    """Options of each kind of holes; `crop.kind` chooses one."""

    box: BoxOptions
    center: CenterOptions
    strip: StripOptions
    random_pixels: RandomPixelsOptions
    free_form: FreeFormOptions


class WholeParams(Section):
    """Everything in params.yaml. A recipe's options are checked by the recipe itself."""

    model_config = ConfigDict(title="Scenefill params.yaml")

    download: DownloadParams
    sources: Sources
    holes: Holes
    index: IndexParams
    filter_categories: FilterCategoriesParams
    detect_people: DetectPeopleParams
    filter_people: FilterPeopleParams
    downscale: DownscaleParams
    crop: CropParams
    train_features: TrainFeaturesParams
    train: TrainParams
    recipes: dict[str, dict[str, Any]] = Field(description="options of each recipe")
    evaluate: EvaluateParams
    report: ReportParams
    runtime: RuntimeParams

    @model_validator(mode="after")
    def _sections_agree(self) -> Self:
        self.crop.check_sizes(self.downscale.image_size)
        holes: HoleOptions = getattr(self.holes, self.crop.kind)
        holes.check_sizes(self.downscale.image_size, self.crop.box_size)
        least = self.detect_people.score_floor + self.filter_people.large_box_bonus
        if self.filter_people.min_score < least:
            raise ValueError(
                f"params.yaml filter_people.min_score is {self.filter_people.min_score} but must "
                f"be >= detect_people.score_floor + filter_people.large_box_bonus ({least:g}): "
                "boxes below the floor were never kept"
            )
        path, is_own = self.sources.folder.path, self.download.source == "folder"
        if is_own and (url := self.sources.folder.url):
            if path != NO_PHOTOS:
                raise ValueError(
                    f"params.yaml sources.folder.path is {path!r} and url is {url!r}, but photos "
                    f"come from one of the two: write {NO_PHOTOS}, or empty url"
                )
            is_own = False
        if is_own == (path == NO_PHOTOS):
            raise ValueError(
                f"params.yaml sources.folder.path is {path!r} and download.source is "
                f"{self.download.source!r}, but DVC watches that folder: write the one with your "
                f"photos for the source 'folder', and {NO_PHOTOS} for any other"
            )
        for name in self._places_categories():
            # Known before 26 GB are downloaded, and not only after.
            if name not in categories():
                raise ValueError(
                    f"params.yaml filter_categories.categories holds {name!r}, which is no "
                    f"category of Places365{closest(name, list(categories()))}"
                )
        if self.train.recipe not in self.recipes:
            raise ValueError(
                f"params.yaml train.recipe is {self.train.recipe!r}, which has no options under "
                f"`recipes`{closest(self.train.recipe, list(self.recipes))}"
            )
        return self

    def _places_categories(self) -> list[str]:
        """The chosen categories where the photos are those of Places365."""
        chosen = self.filter_categories.categories
        if not self.download.source.startswith("places365") or chosen == "all":
            return []
        return [name.removeprefix("/") for name in chosen]

    @property
    def indoor_categories(self) -> list[str]:
        """Those of the chosen ones of Places365 that show no landscape."""
        return [name for name in self._places_categories() if name not in outdoor()]


def check_whole(path: Path = PARAMS_PATH) -> WholeParams:
    """The whole file, checked; a ValueError lists every fault found."""
    params = check("", WholeParams, read(path))
    _check_recipes(params)
    return params


def _check_recipes(params: WholeParams) -> None:
    """Has every recipe check its options, and the chosen one the size of the images.

    A recipe's file imports torch, which takes seconds: options that passed once are remembered.
    """
    recipes, chosen, size = params.recipes, params.train.recipe, params.downscale.image_size
    code = [file.read_bytes() for file in sorted((ROOT / "models").rglob("*.py"))]
    facts = [json.dumps([recipes, chosen, size]).encode(), *code]
    digest = hashlib.sha256(b"".join(facts)).hexdigest()
    passed = work_dir() / "checked" / digest
    if passed.exists():
        return
    import torch

    from models.registry import RECIPES, build_generator, options_model

    for name, options in recipes.items():
        if name not in RECIPES:
            raise ValueError(f"params.yaml recipes.{name} is unknown{closest(name, list(RECIPES))}")
        check(f"recipes.{name}", options_model(name), options)
    with torch.device("meta"):  # shapes only
        build_generator(chosen, recipes[chosen], size)
    passed.parent.mkdir(parents=True, exist_ok=True)
    passed.touch()


def warnings_of(params: WholeParams) -> list[str]:
    """What is allowed but probably not meant."""
    warnings = []
    if params.indoor_categories:
        warnings.append(
            "params.yaml filter_categories.categories holds categories that the official list "
            f"calls indoor: {', '.join(params.indoor_categories)}"
        )
    demo = params.detect_people.enabled and params.detect_people.weights_sha256 == DEMO_SHA256
    if demo and params.download.source != "synthetic":
        warnings.append(
            "the demo detector meets real photos: in landscapes it misses two thirds of the "
            "people. Set detect_people.weights to yolo11n.pt or larger (the lines stand in "
            "params.yaml)"
        )
    return warnings

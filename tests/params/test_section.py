"""Faults in params.yaml, each told in the user's words."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline.config.profiles import names, render
from pipeline.config.whole import WholeParams, check_whole
from pipeline.params.crop import CropParams
from pipeline.params.section import load, read

Edit = Callable[[dict[str, Any]], None]


@pytest.fixture
def params(tmp_path: Path, scratch_root: Path) -> Callable[[Edit], Path]:
    """Writes the sample with an edit; returns the file."""

    def write(edit: Edit) -> Path:
        values = YAML(typ="safe").load(render("sample"))
        edit(values)
        path = tmp_path / "params.yaml"
        YAML(typ="safe").dump(values, path)
        return path

    return write


def setting(dotted: str, value: Any) -> Edit:
    *parents, name = dotted.split(".")

    def edit(values: dict[str, Any]) -> None:
        for parent in parents:
            values = values[parent]
        values[name] = value

    return edit


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (setting("crop.box_sise", 3), "crop.box_sise is unknown: did you mean `box_size`?"),
        (setting("crop.kind", "stripe"), "params.yaml crop.kind is 'stripe', but"),
        (setting("holes.box.side_mx", 3), "holes.box.side_mx is unknown: did you mean `side_max`?"),
        (setting("holes.stripe", {}), "params.yaml holes.stripe is unknown: did you mean `strip`?"),
        (setting("holes.strip.side", 1), "holes.strip.side is unknown: did you mean `sides`?"),
        (setting("corp", {}), "params.yaml corp is unknown: did you mean `crop`?"),
        (setting("holes.box.side_max", 40), "side_max is 40 but must be <= crop.box_size (28)"),
        (setting("holes.box.side_min", 26), "is 26 but must be <= holes.box.side_max (25)"),
        (setting("crop.box_size", 65), "is 65 but must be <= downscale.image_size (64)"),
        (setting("holes.box.side_min", "x"), "params.yaml holes.box.side_min is 'x', but"),
        (setting("holes.box.side_min", 20.5), "params.yaml holes.box.side_min is 20.5, but"),
        (setting("train.batch_size", True), "params.yaml train.batch_size is True, but"),
        (setting("train.budget", "3 days"), "train.budget is '3 days', but must be a number and"),
        (setting("train.accumulate", 5), "train.accumulate is 5, but must divide train.batch_size"),
        (setting("train.patience_images", 9), "train.select is 'last', which names no figure"),
        (setting("runtime.trackers", ["mlflow"]), "params.yaml runtime.trackers.0 is 'mlflow'"),
        (setting("train.recipe", "gansape"), "train.recipe is 'gansape'"),
        (setting("filter_people.min_score", 0.01), "must be >= detect_people.score_floor"),
        (setting("filter_people.large_box_bonus", 0.36), "must be >= detect_people.score_floor"),
        (setting("download.source", "flickr"), "params.yaml download.source is 'flickr', but"),
        (setting("recipes.ganscape.widht", 3), "widht is unknown: did you mean `width`?"),
        (setting("recipes.ganscape.width", "x"), "params.yaml recipes.ganscape.width is 'x', but"),
        (setting("downscale.image_size", 66), "image size that is a multiple of 32, not 66"),
        (setting("recipes.glicc", {}), "params.yaml recipes.glicc is unknown"),
        (setting("index.formats", ["jpg"]), "index.formats.0 is 'jpg', but must be one of 'jpeg'"),
        (setting("runtime.device", "gpu"), "params.yaml runtime.device is 'gpu', but"),
        (
            setting("filter_categories.categories", 3),
            "categories is 3, but must be one of 'all' or",
        ),
        (
            setting("recipes.ganscape.mse_weight", float("inf")),
            "mse_weight is inf, but must be a fin",
        ),
        (
            setting("recipes.pix2pix.optimizers", {"generator": {"lr": float("nan")}}),
            "lr is nan, but",
        ),
        (
            setting("filter_people.min_score", float("inf")),
            "min_score is inf, but must be a finite",
        ),
        (setting("runtime.workers", 10**9), "runtime.workers is 1000000000, but must be <= 1024"),
        (
            setting("train.seed", 10**30),
            "train.seed is 1000000000000000000000000000000, but must be",
        ),
        (setting("train.budget", "x" * 10**6), "xxx', but must be a number and a unit"),
        (lambda values: values.pop("crop"), "params.yaml crop is missing"),
        (lambda values: values["crop"].pop("seed"), "params.yaml crop.seed is missing"),
    ],
)
def test_every_fault_is_named(params: Callable[[Edit], Path], edit: Edit, message: str) -> None:
    path = params(edit)
    with pytest.raises(ValueError) as error:
        check_whole(path)
    assert message in str(error.value)
    assert len(str(error.value).splitlines()) < 25
    assert len(str(error.value)) < 4000


def test_sizes_of_the_chosen_kind_alone_have_to_fit(params: Callable[[Edit], Path]) -> None:
    def edit(values: dict[str, Any]) -> None:
        values["holes"]["center"]["width"] = 65
        values["crop"]["kind"] = kind

    kind = "center"
    with pytest.raises(ValueError, match="center.width is 65 but must be <= downscale.image_size"):
        check_whole(params(edit))
    kind = "strip"
    check_whole(params(edit))


def test_all_faults_are_told_at_once(params: Callable[[Edit], Path]) -> None:
    def edit(values: dict[str, Any]) -> None:
        values["crop"]["seed"] = "x"
        values["train"]["seed"] = -1

    with pytest.raises(ValueError) as error:
        check_whole(params(edit))
    assert "crop.seed" in str(error.value) and "train.seed" in str(error.value)


def test_a_stage_checks_its_own_section_alone(params: Callable[[Edit], Path]) -> None:
    path = params(setting("train.seed", "banana"))
    assert load("crop", CropParams, path).box_size == 28
    path = params(setting("crop.seed", "banana"))
    with pytest.raises(ValueError, match="params.yaml crop.seed is 'banana'"):
        load("crop", CropParams, path)


def test_numbers_are_read_as_dvc_reads_them(tmp_path: Path) -> None:
    """PyYAML would take 1e-4 for a string and `off` for False."""
    from pipeline.params.section import read

    path = tmp_path / "params.yaml"
    path.write_text("a: 1e-4\nb: off\n")
    assert read(path) == {"a": 0.0001, "b": "off"}


@pytest.mark.parametrize("text", ["a: [1", "just words", ""])
def test_a_file_that_is_no_params_yaml(tmp_path: Path, text: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=str(path)):
        check_whole(path)
    with pytest.raises(ValueError, match="is missing: write one with `scenefill use sample`"):
        check_whole(tmp_path / "none.yaml")


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "expands to more than 100,000 values"),
        ("a: &a [*a]\n", "nests deeper than 32 levels"),
        ("a: " + "[" * 2000 + "]" * 2000, "nests deeper than 32 levels"),
        ("crop:\n  seed: " + "9" * 5000, "a number of more than 300 digits in line 2"),
        ("a: \xff\x00", "is not valid YAML"),
        ("a: 1\nb:\n  c: 1\n  c: 2\n", "YAML: line 4 sets what its section has set already"),
        ("a: [1,\nb: 2\n", r"line 3, column 1: expected .*, in what begins in line 1$"),
        ("a: 'b\n", "is not valid YAML: line 2, column 1: "),
        ("a: |\n \n   b\n", "YAML: line 3, column 4: more indented follow up line than first"),
    ],
)
def test_a_hostile_file_is_refused_in_a_sentence(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=message) as error:
        check_whole(path)
    assert len(str(error.value)) < 1000


@pytest.mark.parametrize("profile", names())
def test_params_may_refuse_but_never_change_a_value(profile: str, tmp_path: Path) -> None:
    """No stage has pipeline/params/ among its deps: a default there would change outs unseen."""
    path = tmp_path / "params.yaml"
    path.write_text(render(profile))
    values = YAML(typ="safe").load(path)
    for name, field in WholeParams.model_fields.items():
        if name not in ("sources", "holes", "recipes"):
            model: Any = field.annotation
            assert load(name, model, path).model_dump() == values[name]


def test_an_anchor_that_is_set_twice_warns_of_nothing(tmp_path: Path) -> None:
    """YAML allows it; the library's warning names a line of its own code."""
    path = tmp_path / "params.yaml"
    path.write_text("a: &x 1\nb: &x 2\nc: *x\n")
    assert read(path) == {"a": 1, "b": 2, "c": 2}

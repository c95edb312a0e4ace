"""The report as files: complete, escaped, the same each time."""

import hashlib
import json
import re
from pathlib import Path

import pandas as pd
import pytest

from pipeline.commands.results import summary
from pipeline.report.page import cell
from pipeline.stages import report
from support.report_data import GENERATOR, HOSTILE, SAMPLES, TEST, write_project

FILES = ["data_card.md", "index.html", "model_card.md", "rating.html"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def built(folder: Path) -> dict[str, str]:
    report.run()
    found = {path.name: path.read_text() for path in (folder / "data/report").iterdir()}
    assert sorted(found) == FILES
    return found


def test_the_same_outs_give_the_same_bytes(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in another folder and with other settings of the machine."""
    write_project(folder)
    first = built(folder)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    write_project(elsewhere)
    params = elsewhere / "params.yaml"
    params.write_text(params.read_text().replace("  threads: 0", "  threads: 3"))
    monkeypatch.chdir(elsewhere)
    assert built(elsewhere) == first


def test_the_page_is_one_file(folder: Path) -> None:
    write_project(folder)
    for name in ("index.html", "rating.html"):
        page = built(folder)[name]
        sources = re.findall(r"""(?:src|href)=["']?([^"' >]{1,40})""", page)
        assert sources
        local = ("data:", "#", "rating.html", "model_card.md", "data_card.md", "index.html")
        assert [source for source in sources if not source.startswith(local)] == []
        assert not re.search(r"https?://(?!www\.w3\.org)", page)
        assert str(folder) not in page


def test_sums_params_and_versions_stand_in_it(folder: Path) -> None:
    write_project(folder)
    page = built(folder)["index.html"]
    for text in (TEST, GENERATOR, "99" * 32, "num_photos: 1500", "torch</th>"):
        assert text in page
    assert "  glcic:" not in page, "options of what was not chosen decide nothing"
    assert "detect_batch" not in page


def test_cards_name_source_terms_and_limits(folder: Path) -> None:
    write_project(folder)
    params = folder / "params.yaml"
    params.write_text(params.read_text().replace("source: synthetic", "source: places365_val"))
    found = built(folder)
    data, model = found["data_card.md"], found["model_card.md"]
    assert "non-commercial research and education; their copyright stays with their" in data
    assert "| person | 10 | 99 |" in data and "| train | 80 |" in data
    assert "7 photos had colours of another space, which became sRGB." in data
    assert "damaged" not in data, "rare reasons are told where there are any"
    assert "**Biharmonic, the best classical fill, is ahead of the model by 0.40 dB" in model
    assert "biharmonic is ahead by 0.40 dB (0.10 to 0.70), 6 photos" in model
    assert "| parameters | 15 |" in model and GENERATOR in model and "AGPL-3.0" in model
    rows = [line for line in model.splitlines() if line.startswith("| Telea")]
    assert [row.count("|") for row in rows] == [6]
    assert "0.594" in model and "**0.626**" in model and model.count("**") == 6
    assert "seam error (biharmonic is ahead by 0.0200 [0.0100, 0.0300])" in model


def test_cards_are_markdown_for_people(folder: Path) -> None:
    """No entities but in names that others gave, nothing said twice, and one photo is a photo."""
    data = write_project(folder)
    table = pd.read_csv(data / "evaluate/strata.csv")
    table.loc[table["stratum"] == "border", "num_photos"] = 1
    table.to_csv(data / "evaluate/strata.csv", index=False)
    found = built(folder)
    for name in ("model_card.md", "data_card.md"):
        text = found[name].replace(cell(HOSTILE), "")
        assert not re.search(r"&#?\w+;", text), name
    model = found["model_card.md"]
    assert "- place of the hole, at the border: biharmonic is ahead by 0.40 dB" in model
    assert "(0.10 to 0.70), 1 photo\n" in model
    for text in found.values():
        assert not re.search(r"\b1 (photo|image|validation|pair|step|seed)s\b", text)
        assert "at the border at the border" not in text and "seed(s)" not in text


def test_the_reader_is_told_what_the_figures_rest_on(folder: Path) -> None:
    write_project(folder)
    found = built(folder)
    page, model, data = (found[n] for n in ("index.html", "model_card.md", "data_card.md"))
    hole = (
        "The hole of a photo of 64 x 64 px is one rectangle: height and width are drawn evenly "
        "from 20 to 25 px, each by itself, and the place evenly from all where it fits."
    )
    training = "One training, with train.seed 3, stands behind every figure of the model."
    for text in (page, model):
        assert hole in text and training in text
        assert "nothing of how far another training could" in text
        assert "LPIPS: evaluate.lpips_weights_path is empty." in text
        assert "wo-sample classifier: it takes 10 photos, and there are 6." in text
        assert "nobody has rated them" in text
    assert hole in data and "crop.seed (0)" in data


def test_words(folder: Path) -> None:
    """A photo is of the data set or the user's, an image is what was made."""
    write_project(folder, samples=True)
    names = (
        r"evaluate/pictures|pictures\.csv|num_pictures|\bpicture:"  # files and the ratings' format
    )
    for name, text in built(folder).items():
        assert not re.search(r"(?i)picture", re.sub(names, "", text)), name


def test_names_are_escaped_everywhere(folder: Path) -> None:
    write_project(folder)
    for text in built(folder).values():
        assert HOSTILE not in text and "<script>alert" not in text
    assert "&lt;script&gt;alert" in built(folder)["model_card.md"]


def test_a_recipe_that_makes_up_pictures(folder: Path) -> None:
    write_project(folder, completes=False, samples=True)
    found = built(folder)
    assert "6 images made up, beside as many test photos." in found["index.html"]
    assert f"{SAMPLES['novelty']:.3f}" in found["index.html"]
    assert 'alt="samples"' in found["index.html"] and 'id="gallery"' not in found["index.html"]
    assert "Nothing to rate" in found["rating.html"]
    assert "makes up images" in found["model_card.md"]


def test_a_recipe_that_does_both(folder: Path) -> None:
    write_project(folder, samples=True)
    page = built(folder)["index.html"]
    assert 'id="samples"' in page and 'id="scores"' in page


def md5_of(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


def test_other_runs_are_shown_where_commands_left_them(folder: Path) -> None:
    data = write_project(folder)
    assert "None to show" in built(folder)["index.html"]
    rows = [("model", "hole_psnr", 22.0, "glcic", 0), ("telea", "hole_psnr", 20.0, "glcic", 0)]
    rows += [("model", name, 0.5, "glcic", 0) for name in ("hole_ssim", "hole_l1")]
    rows += [("telea", name, 0.4, "glcic", 0) for name in ("hole_ssim", "hole_l1")]
    columns = ["method", "metric", "value", "system", "seed"]
    pd.DataFrame(rows, columns=columns).to_csv(data / "compare/results.csv", index=False)
    former = {"revision": "abc1234", "date": "2026-01-02", "subject": "<b>Wider"}
    former |= {
        "generator": md5_of(data / "train/generator.safetensors"),
        "hole_psnr": 20.5,
        "hole_ssim": 0.6,
        "hole_l1": 0.1,
    }
    pd.DataFrame(
        [former | {"shards": md5_of(data / "crop/meta.json")}, former | {"shards": "other"}]
    ).to_csv(data / "compare/former.csv", index=False)
    page = built(folder)["index.html"]
    assert '<th scope="row">glcic</th><td>22.00</td>' in page
    assert page.count("abc1234") == 2 and page.count("other holes: not comparable") == 1
    assert "&lt;b&gt;Wider" in page and "None to show" not in page


@pytest.mark.parametrize(
    "missing",
    [
        "evaluate/figures.json",
        "evaluate/scores.csv",
        "evaluate/strata.csv",
        "evaluate/pictures.csv",
        "filter_people/funnel.json",
        "filter_people/figures.json",
        "filter_people/thresholds/grid.csv",
        "train/config.json",
        "crop/meta.json",
        "index/funnel.json",
    ],
)
def test_a_missing_out_names_its_stage(folder: Path, missing: str) -> None:
    (write_project(folder) / missing).unlink()
    stage = missing.split("/")[0]
    with pytest.raises(ValueError, match=rf"{missing} is missing: run `dvc repro {stage}` first"):
        report.run()
    assert not (folder / "data/report").exists()


def test_where_nobody_knows_who_is_in_the_photos(folder: Path) -> None:
    path = write_project(folder) / "filter_people/figures.json"
    path.write_text(json.dumps({"photos_with_truth": 0, "photos_with_people": 0}))
    found = built(folder)
    assert "Nobody has marked the people" in found["index.html"]
    assert 'id="what-if"' in found["index.html"]
    assert "nobody has marked the people in these photos" in found["data_card.md"]


def test_without_a_detector(folder: Path) -> None:
    write_project(folder)
    params = folder / "params.yaml"
    text = params.read_text()
    params.write_text(
        text.replace("enabled: true  # false for faces", "enabled: false  # for faces")
    )
    found = built(folder)
    assert "Switched off for this run" in found["index.html"]
    assert 'id="what-if"' not in found["index.html"]
    assert "No photo was dropped for a person" in found["data_card.md"]


def test_counts_that_do_not_add_up_are_no_page(folder: Path) -> None:
    path = write_project(folder) / "downscale/funnel.json"
    path.write_text(json.dumps({"ok": 95, "too_small": 1}))
    with pytest.raises(ValueError, match="leaves 96 photos, but .* has 95"):
        report.run()


def test_the_terminal_says_what_the_report_says(folder: Path) -> None:
    data = write_project(folder)
    text = summary(data)
    assert "Biharmonic, the best classical fill, is ahead of the model by 0.40 dB" in text
    assert "Significantly worse than the best classical fill it is also in: seam error" in text
    assert "one training stands behind them" in text
    assert "discriminator_saturated in steps 350..600; on the test photos biharmonic is" in text
    assert "(behind_classical). Not judged: 0 of 3 rows (diverging)." in text

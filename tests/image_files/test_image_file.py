"""Image files come back as they were, but for their holes."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from pipeline.completion.outpainting import canvas
from pipeline.image_files.image_file import PictureFile
from support.pictures import damaged_exif, picture, wide_profile

WIDTH, HEIGHT = 40, 30
ORIENTATION = 0x0112


def completed_file(source: Path, target: Path) -> np.ndarray:
    """Completes a rectangle of the upright image with red; its mask, upright."""
    file = PictureFile.read(source)
    hole = np.zeros(file.rgb.shape[:2], bool)
    hole[3:9, 5:16] = True
    red = np.broadcast_to(np.array([255, 0, 0], np.uint8), file.rgb.shape)
    file.write(file.with_completed(red, hole), target)
    return hole


def sixteen_bit() -> Image.Image:
    rng = np.random.default_rng(0)
    return Image.fromarray(rng.integers(0, 65536, (HEIGHT, WIDTH), dtype=np.uint16))


def in_mode(mode: str) -> Image.Image:
    if mode == "I;16":
        return sixteen_bit()
    image = picture(1, (WIDTH, HEIGHT))
    if mode in ("LA", "RGBA"):
        image.putalpha(picture(2, (WIDTH, HEIGHT)).convert("L"))
    return image.convert(mode)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("orientation", [None, *range(1, 9)])
def test_mode_orientation_and_known_values_are_kept(
    mode: str, orientation: int | None, tmp_path: Path
) -> None:
    original = in_mode(mode)
    exif = Image.Exif()
    if orientation is not None:
        exif[ORIENTATION] = orientation
    original.save(tmp_path / "in.png", exif=exif)
    hole = completed_file(tmp_path / "in.png", tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as result:
        assert (result.mode, result.size) == (mode, (WIDTH, HEIGHT))
        assert result.getexif().get(ORIENTATION) == orientation
        upright, before = np.array(ImageOps.exif_transpose(result)), upright_of(tmp_path / "in.png")
    assert upright.shape[:2] == hole.shape
    assert np.array_equal(upright[~hole], before[~hole])
    if mode in ("LA", "RGBA"):
        assert np.array_equal(upright[..., -1], before[..., -1])
        upright = upright[..., :-1]
    red = {"L": 76, "LA": 76, "I;16": 76 * 257}.get(mode, (255, 0, 0))
    assert (upright[hole] == red).all()


def upright_of(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.array(ImageOps.exif_transpose(image))


@pytest.mark.parametrize(
    "mode, suffix", [("CMYK", "jpg"), ("P", "png"), ("1", "png"), ("P", "gif")]
)
def test_what_cannot_be_kept_is_converted_once_and_said(
    mode: str, suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture(1, (WIDTH, HEIGHT)).convert(mode).save(tmp_path / f"in.{suffix}")
    hole = completed_file(tmp_path / f"in.{suffix}", tmp_path / "out.png")
    with (
        Image.open(tmp_path / "out.png") as result,
        Image.open(tmp_path / f"in.{suffix}") as before,
    ):
        assert result.mode == ("L" if mode == "1" else "RGB")
        assert np.array_equal(np.array(result)[~hole], np.array(before.convert(result.mode))[~hole])
    said = capsys.readouterr().err
    assert {"CMYK": "CMYK becomes RGB", "P": "the palette becomes RGB", "1": ""}[mode] in said


def test_transparency_of_a_palette_is_kept(tmp_path: Path) -> None:
    image = picture(1, (WIDTH, HEIGHT)).convert("P")
    image.save(tmp_path / "in.png", transparency=3)
    completed_file(tmp_path / "in.png", tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as result, Image.open(tmp_path / "in.png") as before:
        assert result.mode == "RGBA"
        assert np.array_equal(np.array(result)[..., 3], np.array(before.convert("RGBA"))[..., 3])


def test_colour_profile_and_exif_go_along(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "a maker"
    picture(1).save(tmp_path / "in.jpg", exif=exif, icc_profile=b"profile")
    completed_file(tmp_path / "in.jpg", tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as result:
        assert result.info["icc_profile"] == b"profile"
        assert result.getexif()[0x010F] == "a maker"


def test_damaged_exif_is_left_out_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in.jpg").write_bytes(damaged_exif())
    file = PictureFile.read(tmp_path / "in.jpg")
    assert "WARNING: its EXIF is damaged, and is left out" in "".join(capsys.readouterr())
    none = np.zeros((40, 60), bool)
    file.write(file.with_completed(file.rgb, none), tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as result:
        assert result.size == (60, 40) and not result.getexif()


def test_colours_go_back_into_the_files_space(tmp_path: Path) -> None:
    """What is completed is sRGB; in the file red is what its profile calls that red."""
    profile = wide_profile()
    picture(1, (WIDTH, HEIGHT)).save(tmp_path / "in.png", icc_profile=profile)
    hole = completed_file(tmp_path / "in.png", tmp_path / "out.png")
    before, after = upright_of(tmp_path / "in.png"), upright_of(tmp_path / "out.png")
    assert np.array_equal(after[~hole], before[~hole])
    assert not np.array_equal(PictureFile.read(tmp_path / "in.png").rgb[~hole], before[~hole])
    seen = PictureFile.read(tmp_path / "out.png").rgb[hole].astype(int)
    assert np.abs(seen - (255, 0, 0)).max() <= 3


def test_twelve_bits_stay_twelve_bits(tmp_path: Path) -> None:
    levels = np.linspace(0, 4095, WIDTH * HEIGHT).reshape(HEIGHT, WIDTH).astype(np.uint16)
    Image.fromarray(levels).save(tmp_path / "in.png")
    hole = completed_file(tmp_path / "in.png", tmp_path / "out.png")
    after = upright_of(tmp_path / "out.png")
    assert np.array_equal(after[~hole], levels[~hole])
    assert (after[hole] == round(76 * 4095 / 255)).all(), "as bright as the rest of the file"


def test_what_is_transparent_is_not_known(tmp_path: Path) -> None:
    image = in_mode("RGB").convert("RGBA")
    alpha = np.full((HEIGHT, WIDTH), 255, np.uint8)
    alpha[:5], alpha[5] = 0, 128
    image.putalpha(Image.fromarray(alpha))
    image.save(tmp_path / "in.png")
    file = PictureFile.read(tmp_path / "in.png")
    assert np.array_equal(file.unknown, alpha == 0) and (file.rgb[:5] == 255).all()


def test_a_larger_completion_has_the_picture_inside(tmp_path: Path) -> None:
    in_mode("RGBA").save(tmp_path / "in.png")
    file = PictureFile.read(tmp_path / "in.png")
    new = np.ones((HEIGHT + 5, WIDTH + 8), bool)
    new[2 : 2 + HEIGHT, 3 : 3 + WIDTH] = False
    made = np.zeros((*new.shape, 3), np.uint8)
    result = np.array(file.with_completed(made, new, top=2, left=3))
    assert np.array_equal(result[2 : 2 + HEIGHT, 3 : 3 + WIDTH], np.array(in_mode("RGBA")))
    assert (result[new] == (0, 0, 0, 255)).all()


def test_webp_keeps_known_pixels_and_jpeg_the_size(tmp_path: Path) -> None:
    picture(1).save(tmp_path / "in.png")
    hole = completed_file(tmp_path / "in.png", tmp_path / "out.webp")
    assert np.array_equal(upright_of(tmp_path / "out.webp")[~hole], np.array(picture(1))[~hole])
    completed_file(tmp_path / "in.png", tmp_path / "out.jpg")
    assert upright_of(tmp_path / "out.jpg").shape == (256, 256, 3)


@pytest.mark.parametrize(
    "mode, suffix, words",
    [("RGBA", "jpg", "transparency"), ("I;16", "jpg", "16 bits"), ("I;16", "webp", "16 bits")],
)
def test_formats_that_cannot_hold_the_picture_are_refused(
    mode: str, suffix: str, words: str, tmp_path: Path
) -> None:
    in_mode(mode).save(tmp_path / "in.png")
    with pytest.raises(ValueError, match=words):
        completed_file(tmp_path / "in.png", tmp_path / f"out.{suffix}")
    assert [path.name for path in tmp_path.iterdir()] == ["in.png"]


def test_exif_names_the_size_that_is_written_and_the_resolution_stays(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its side
    exif[0x0100], exif[0x0101] = 60, 40
    exif.get_ifd(0x8769).update({0xA002: 60, 0xA003: 40, 0x9003: "2026:01:02 03:04:05"})
    picture(0, (60, 40)).save(tmp_path / "in.jpg", exif=exif, dpi=(300, 200))
    read = PictureFile.read(tmp_path / "in.jpg")
    wide, new = canvas(read.rgb, 0.5, ["left", "right"])
    for name in ("out.png", "out.jpg", "out.webp"):
        read.write(read.with_completed(wide, new, 0, 10), tmp_path / name)
        with Image.open(tmp_path / name) as image:
            assert image.size == (60, 60)
            tags = image.getexif()
            assert (tags[0x0100], tags[0x0101], tags[0x0112]) == (60, 60, 6)
            inner = tags.get_ifd(0x8769)
            assert (inner[0xA002], inner[0xA003]) == (60, 60)
            assert inner[0x9003] == "2026:01:02 03:04:05"
            if name != "out.webp":  # which has no place for it but in EXIF
                assert np.allclose(image.info["dpi"], (300, 200), atol=0.1)


@pytest.mark.filterwarnings("error")
def test_a_photo_within_our_own_limit_is_read_without_pillows_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pillow warns from 89 megapixels on; here from 1,000 px on."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1_000)
    for name in ("in.jpg", "in.png"):
        picture(0, (WIDTH, HEIGHT)).save(tmp_path / name)
        assert PictureFile.read(tmp_path / name).rgb.shape == (HEIGHT, WIDTH, 3)

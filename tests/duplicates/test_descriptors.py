import io

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from pipeline.duplicates.descriptors import (
    LENGTH,
    as_text,
    descriptor,
    from_texts,
    mirrored,
    shrunk,
)
from support.pictures import picture


def cosine(first: np.ndarray, second: np.ndarray) -> float:
    one, other = first.astype(float), second.astype(float)
    return float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other)))


def test_length_and_range() -> None:
    values = descriptor(picture(0))
    assert values.shape == (LENGTH,) and values.dtype == np.int8
    assert abs(np.linalg.norm(values.astype(float)) - 127) < 4


def test_edits_leave_it_nearly_the_same() -> None:
    for seed in range(10):
        image = picture(seed)
        saved = io.BytesIO()
        image.save(saved, format="jpeg", quality=30)
        edits = {
            "jpeg": Image.open(saved),
            "smaller": image.resize((90, 90), Image.Resampling.LANCZOS),
            "grey": image.convert("L"),
            "darker": ImageEnhance.Brightness(image).enhance(0.6),
            "contrast": ImageEnhance.Contrast(image).enhance(0.5),
        }
        for name, edited in edits.items():
            assert cosine(descriptor(image), descriptor(edited)) > 0.97, name


def test_shrinking_leaves_it_nearly_the_same() -> None:
    for seed in range(10):
        image = picture(seed)
        assert cosine(descriptor(image), descriptor(shrunk(image))) > 0.99
    for size, small in (((256, 256), (64, 64)), ((300, 200), (100, 67)), ((100, 40), (100, 40))):
        reduced = shrunk(Image.new("RGB", size))
        assert reduced.size == small and reduced.mode == "L"


def test_other_photos_are_unlike() -> None:
    descriptors = [descriptor(picture(seed)) for seed in range(30)]
    cosines = [cosine(descriptors[i], descriptors[j]) for i in range(30) for j in range(i)]
    assert max(cosines) < 0.8


def test_the_mirrored_is_that_of_the_mirrored_photo() -> None:
    for seed in range(10):
        image = picture(seed)
        assert (mirrored(descriptor(image)[None])[0] == descriptor(ImageOps.mirror(image))).all()
        assert cosine(descriptor(image), descriptor(ImageOps.mirror(image))) < 0.9


def test_as_text_and_back() -> None:
    descriptors = np.stack([descriptor(picture(seed)) for seed in range(3)])
    assert (from_texts(as_text(each) for each in descriptors) == descriptors).all()
    assert from_texts([]).shape == (0, LENGTH)


def test_a_photo_of_one_colour_shows_nothing() -> None:
    assert not descriptor(Image.new("RGB", (256, 256), "skyblue")).any()
    noise = np.random.default_rng(0).integers(118, 122, (256, 256, 3), dtype=np.uint8)
    assert not descriptor(Image.fromarray(noise)).any()

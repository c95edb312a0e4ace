import io

import numpy as np
import pytest
from PIL import Image

from pipeline.photos.png import encode_png
from support.pictures import picture


def test_png_is_stored_and_lossless() -> None:
    small = picture(4, (64, 64))
    data = encode_png(np.asarray(small))
    assert 12_300 < len(data) < 12_600
    assert data == encode_png(small)
    with Image.open(io.BytesIO(data)) as read:
        read.verify()
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), np.asarray(small))


@pytest.mark.parametrize("size", [(64, 64), (28, 27), (1, 1), (512, 300)])
def test_pictures_and_masks_of_any_size_survive_png(size: tuple[int, int]) -> None:
    image = np.asarray(picture(5, size))
    mask = image[..., 0] > 127
    for array, mode in ((image, "RGB"), (mask, "1")):
        read = Image.open(io.BytesIO(encode_png(array)))
        assert read.mode == mode
        assert np.array_equal(np.asarray(read), array)

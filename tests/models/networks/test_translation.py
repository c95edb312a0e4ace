"""The networks that pix2pix, Basquiat and the outpainting recipe share, at every size."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from models import registry
from models.components.masked_input import MaskedInput
from models.networks import translation
from models.networks.norm import StatelessBatchNorm, norm_layer
from models.networks.patch_discriminator import receptive_field, strided_layers
from models.networks.translation import TranslationOptions
from models.networks.unet import LastingDropout, UNet, UNetStyle, level_channels
from models.recipe import Batch, DataSpec, seeded
from models.recipes import basquiat, outpaint, pix2pix
from pipeline.training.update_step import update_step
from support.architecture import conv_shapes, num_parameters

CPU = torch.device("cpu")
NO_MEMORY = torch.device("meta")
SETTING = DataSpec(64, 28, steps_per_epoch=10, seed=0, mean_color=(0.1, 0.0, -0.1))
CHOICES: dict[str, tuple[type[TranslationOptions], dict[str, Any]]] = {
    "pix2pix": (pix2pix.Options, {}),
    "basquiat": (basquiat.Options, {}),
    "outpaint": (outpaint.Options, {"features": "discriminator"}),
}


def small(name: str, preset: str, **changes: Any) -> TranslationOptions:
    model, needed = CHOICES[name]
    return model.model_validate({"preset": preset, "width": 4, **needed, **changes})


def picture(size: int, num: int = 2) -> tuple[Tensor, Tensor]:
    image = torch.rand(num, 3, size, size, generator=torch.Generator().manual_seed(size)) * 2 - 1
    mask = torch.zeros(num, 1, size, size)
    mask[:, :, :, size * 3 // 4 :] = 1
    return image, mask


# The U-Net


@pytest.mark.parametrize("size, channels", [(32, 5), (64, 6), (128, 7), (256, 8), (512, 9)])
def test_levels_follow_from_the_size(size: int, channels: int) -> None:
    assert level_channels(size, 64) == ([64, 128, 256] + [512] * 9)[:channels]


@pytest.mark.parametrize("size", [16, 28, 63, 96, 1024])
@pytest.mark.parametrize("name", CHOICES)
def test_impossible_sizes_are_refused(name: str, size: int) -> None:
    with pytest.raises(ValueError, match=f"downscale.image_size.* 32 to 512, not {size}"):
        translation.build_generator(small(name, "default"), size)


@pytest.mark.parametrize("size", [32, 64, 128, 256])
@pytest.mark.parametrize("preset", ["default", "faithful"])
@pytest.mark.parametrize("name", CHOICES)
def test_sizes(name: str, preset: str, size: int) -> None:
    options = small(name, preset, width=2)
    generator = translation.build_generator(options, size).eval()
    discriminator = translation.build_discriminator(options, size).eval()
    image, mask = picture(size)
    with torch.no_grad():
        output = generator(image, mask)
        logits = discriminator(generator.masked_input(image, mask), output)
    assert output.shape == image.shape
    assert logits.shape == discriminator.sees(mask).shape and logits.shape[-1] >= 2


def test_one_photo_trains_down_to_one_pixel() -> None:
    """Where torch's batch norm asks for more than one value a channel."""
    image, mask = picture(32, num=1)
    batch = Batch(image, mask, torch.tensor([[0, 0, 15, 15]]))
    data_spec = DataSpec(32, 15, steps_per_epoch=10, seed=0, mean_color=(0.0, 0.0, 0.0))
    for name in ("pix2pix", "basquiat"):
        recipe = registry.build(name, small(name, "faithful"), data_spec, CPU)
        for update in recipe.updates:
            assert update_step(recipe, update, [batch]).finite


def test_skips_come_from_the_same_size() -> None:
    style = UNetStyle("torch", None, slope=0.2, dropout=0.0, transposed=True)
    masked_input = MaskedInput(fill="black", mask_channel=False)
    with NO_MEMORY:
        network = UNet([8, 16, 32, 64, 128], style, masked_input)
    image, mask = picture(32)
    assert conv_shapes(network, image.to("meta"), mask.to("meta")) == [
        *[(8, 16, 16), (16, 8, 8), (32, 4, 4), (64, 2, 2), (128, 1, 1)],
        *[(64, 2, 2), (32, 4, 4), (16, 8, 8), (8, 16, 16), (3, 32, 32)],
    ]
    assert [up.get_submodule("1").weight.shape[0] for up in network.ups] == [128, 128, 64, 32]
    assert network.last.get_submodule("1").weight.shape[0] == 16


@pytest.mark.parametrize("name", CHOICES)
def test_default_is_the_same_in_training_and_in_use(name: str, batch: Batch) -> None:
    generator, _ = translation.build_networks(small(name, "default"), SETTING, CPU)
    with torch.no_grad():
        trained = generator.train()(batch.image, batch.mask)
        used = generator.eval()(batch.image, batch.mask)
        alone = generator(batch.image[:1], batch.mask[:1])
    assert torch.equal(trained, used)
    torch.testing.assert_close(alone, used[:1], rtol=0, atol=1e-5)


# Norm and dropout


def test_statistics_of_the_batch_in_training_and_of_each_photo_in_use() -> None:
    norm = StatelessBatchNorm(3)
    values = torch.randn(4, 3, 5, 5) * torch.arange(1.0, 5).view(4, 1, 1, 1)
    expected = nn.functional.batch_norm(values, None, None, training=True)
    torch.testing.assert_close(norm.train()(values), expected, rtol=0, atol=1e-5)
    expected = nn.functional.instance_norm(values)
    torch.testing.assert_close(norm.eval()(values), expected, rtol=0, atol=1e-5)
    assert norm.state_dict().keys() == {"weight", "bias"}, "no running figures"


def test_a_single_value_becomes_the_bias() -> None:
    norm = StatelessBatchNorm(3)
    nn.init.constant_(norm.bias, 0.5)
    assert (norm.train()(torch.randn(1, 3, 1, 1)) == 0.5).all()
    assert (norm.eval()(torch.randn(2, 3, 1, 1)) == 0.5).all()


def test_a_batch_of_one_is_the_same_in_training_and_in_use() -> None:
    norm, values = StatelessBatchNorm(3), torch.randn(1, 3, 6, 6)
    assert torch.equal(norm.train()(values), norm.eval()(values))


def test_norms_by_name() -> None:
    assert norm_layer("none") is None
    for name, eps in (("batch", 1e-3), ("instance", 1e-5)):
        make = norm_layer(name, eps)
        assert make is not None and make(7).weight.shape == (7,) and make(7).eps == eps


def test_dropout_lasts_and_follows_the_seed_whatever_the_layout() -> None:
    drop, values = LastingDropout(0.5).eval(), torch.ones(8, 16, 8, 8)
    with seeded(0, "test"):
        first = drop(values)
    with seeded(0, "test"):
        again = drop(values.to(memory_format=torch.channels_last))
    assert torch.equal(first, again)
    assert set(first.unique().tolist()) == {0.0, 2.0}
    assert 0.47 < (first == 0).float().mean() < 0.53


# The patch discriminator


@pytest.mark.parametrize("num_strided, field", list(enumerate([7, 16, 34, 70, 142])))
def test_receptive_field_is_what_a_logit_depends_on(num_strided: int, field: int) -> None:
    assert receptive_field(num_strided) == field
    size = 256
    discriminator = translation.PatchDiscriminator(
        1,
        width=1,
        num_strided=num_strided,
        last_channels=1,
        style=translation.BlockStyle(nn.Identity),
        first_bias=True,
        unit_range=False,
    )
    for weight in discriminator.parameters():
        nn.init.ones_(weight)  # so that nothing cancels
    image = torch.zeros(1, 3, size, size, requires_grad=True)
    logits = discriminator(torch.zeros(1, 1, size, size), image)
    middle = logits.shape[-1] // 2
    logits[0, 0, middle, middle].backward()
    assert image.grad is not None
    rows = image.grad[0].abs().sum(dim=(0, 2)).nonzero()
    assert rows.max() - rows.min() + 1 == field


@pytest.mark.parametrize("num_strided", [0, 1, 2])
def test_asked_are_the_patches_with_a_hole_pixel(num_strided: int) -> None:
    discriminator = translation.PatchDiscriminator(
        1,
        width=2,
        num_strided=num_strided,
        last_channels=2,
        style=translation.BlockStyle(nn.Identity),
        first_bias=True,
        unit_range=False,
    )
    mask = torch.zeros(1, 1, 64, 64)
    mask[:, :, 20:42, 30:55] = 1
    given = torch.zeros(1, 1, 64, 64)
    with torch.no_grad():
        before = discriminator(given, torch.zeros(1, 3, 64, 64))
        after = discriminator(given, mask.expand(1, 3, 64, 64))
    assert torch.equal(discriminator.sees(mask) > 0, before != after)


@pytest.mark.parametrize(
    "share, fields",
    [
        (70 / 256, {32: 7, 64: 16, 128: 34, 256: 70, 512: 142}),
        (34 / 256, {32: 7, 64: 7, 128: 16, 256: 34, 512: 70}),
        (1.0, {32: 34, 64: 70, 128: 142, 256: 286}),
    ],
)
def test_patches_fit_the_image(share: float, fields: dict[int, int]) -> None:
    found = {size: receptive_field(strided_layers(size, share)) for size in fields}
    assert found == fields


def test_counts_by_hand() -> None:
    """One level more is one more 4x4 layer down and up, with its two norms."""
    options = small("pix2pix", "faithful", width=2)
    with NO_MEMORY:
        small_one, large_one = (translation.build_generator(options, size) for size in (64, 128))
    widest = 16
    down, up = widest * widest * 16, 2 * widest * widest * 16
    assert num_parameters(large_one) - num_parameters(small_one) == down + up + 4 * widest

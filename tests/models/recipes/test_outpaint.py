"""Outpainting with a feature loss: VGG19's features, the discriminator's, and where they lack."""

import hashlib
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import torch
from torch import nn

from models import registry
from models.components.compose import composite
from models.components.losses import feature_matching
from models.components.masked_input import MaskedInput
from models.networks import translation
from models.networks.vgg_features import VggFeatures, empty_layers, load_vgg_features
from models.recipe import Batch, DataSpec
from models.recipes import outpaint
from models.recipes.outpaint import Losses
from support.architecture import conv_shapes, num_parameters

CPU = torch.device("cpu")
SETTING = DataSpec(64, 28, steps_per_epoch=10, seed=0, mean_color=(0.1, 0.0, -0.1))
DEFAULT = outpaint.Options(preset="default", width=4)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Random weights of the right shapes as torchvision names them, and their sum."""
    path = tmp_path_factory.mktemp("weights") / "vgg19.pth"
    noise = torch.Generator().manual_seed(0)
    state = {
        f"features.{name}": torch.randn(value.shape, generator=noise) * 0.02
        for name, value in empty_layers().state_dict().items()
    }
    torch.save({**state, "classifier.0.weight": torch.zeros(3)}, path)
    return str(path), hashlib.sha256(path.read_bytes()).hexdigest()


def test_vgg_goes_to_relu5_1() -> None:
    layers = empty_layers()
    assert num_parameters(layers) == 12_944_960
    names = "".join(
        "P" if isinstance(one, nn.MaxPool2d) else type(one).__name__[0] for one in layers
    )
    assert names == "CRCRP" * 2 + "CRCRCRCRP" * 2 + "CR"
    picture = torch.zeros(1, 3, 64, 64, device="meta")
    shapes = conv_shapes(layers, picture)
    assert [shapes[index] for index in (0, 2, 4, 8, 12)] == [
        (64, 64, 64),
        (128, 32, 32),
        (256, 16, 16),
        (512, 8, 8),
        (512, 4, 4),
    ]


def test_weights_come_from_the_file(weights: tuple[str, str]) -> None:
    vgg = load_vgg_features(*weights)
    state = torch.load(weights[0], weights_only=True)
    first = vgg.layers[0].weight
    assert torch.equal(first, state["features.0.weight"])
    assert not any(weight.requires_grad for weight in vgg.parameters())
    found = vgg(torch.zeros(1, 3, 64, 64))
    assert [one.shape[1] for one in found] == [64, 128, 256, 512, 512]
    assert all((one >= 0).all() for one in found), "behind ReLU"


def test_pictures_are_normalised_as_imagenets() -> None:
    stand_in = VggFeatures(nn.Sequential(nn.Identity()), relus=(0,))
    (white,) = stand_in(torch.ones(1, 3, 1, 1))
    expected = [(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225]
    assert white.flatten().tolist() == pytest.approx(expected)


def test_feature_loss_by_hand() -> None:
    one, other = (
        [torch.zeros(1, 1, 2, 2), torch.ones(1, 2, 1, 1)],
        [
            torch.tensor([[[[1.0, -1.0], [0.0, 2.0]]]]),
            torch.tensor([[[[3.0]], [[1.0]]]]),
        ],
    )
    assert feature_matching(one, other).item() == pytest.approx(4 / 4 + 2 / 2)


def test_features_of_a_stand_in(batch: Batch) -> None:
    """A VGG of one 1x1 layer: what it gives can be computed beside it."""
    layer = nn.Conv2d(3, 2, 1, bias=False)
    vgg = VggFeatures(nn.Sequential(layer, nn.ReLU()), relus=(1,))
    generator, discriminator = translation.build_networks(DEFAULT, SETTING, CPU)
    with torch.no_grad():
        losses = Losses(generator, discriminator, vgg, DEFAULT.completed)
        term = losses.generator_loss(batch)["features"]
        fake = composite(generator.unclamped(batch.image, batch.mask), batch.image, batch.mask)
        maps = []
        for picture in (fake, batch.image):
            normed = ((picture + 1) / 2 - vgg.mean) / vgg.std
            maps.append(torch.einsum("oi,nihw->nohw", layer.weight[:, :, 0, 0], normed).relu())
    assert term.item() == pytest.approx((maps[0] - maps[1]).abs().mean().item(), rel=1e-4)


def test_features_of_the_discriminator(batch: Batch) -> None:
    generator, discriminator = translation.build_networks(DEFAULT, SETTING, CPU)
    with torch.no_grad():
        losses = Losses(generator, discriminator, None, DEFAULT.completed)
        term = losses.generator_loss(batch)["features"]
        given = generator.masked_input(batch.image, batch.mask)
        fake = composite(generator.unclamped(batch.image, batch.mask), batch.image, batch.mask)
        pairs = zip(
            discriminator.features(given, fake),
            discriminator.features(given, batch.image),
            strict=True,
        )
        expected = sum((one - other).abs().mean().item() for one, other in pairs)
    assert term.item() == pytest.approx(expected, rel=1e-5) and term > 0


def test_vgg_is_neither_trained_nor_kept(weights: tuple[str, str], batch: Batch) -> None:
    path, sha256 = weights
    options = outpaint.Options(preset="faithful", width=4, weights_path=path, weights_sha256=sha256)
    recipe = outpaint.build(options, SETTING, CPU)
    assert set(recipe.networks) == {"generator", "discriminator"}
    kept = recipe.generator.state_dict().keys()
    assert kept == outpaint.build_generator(options, 64).state_dict().keys()
    terms = recipe.updates["generator"].terms(batch)
    assert terms["features"].item() > 0
    terms["features"].backward()
    grads = [weight.grad for weight in recipe.networks["generator"].parameters()]
    assert any(grad is not None and grad.abs().sum() > 0 for grad in grads)


def test_weights_of_the_losses() -> None:
    faithful = outpaint.Options(preset="faithful")
    named = (faithful.l1_weight, faithful.adversarial_weight, faithful.features_weight)
    assert named == (1.0, 0.01, 0.1) and faithful.features == "vgg19"
    assert outpaint.build(DEFAULT, SETTING, CPU).updates["generator"].weights == {
        "l1": DEFAULT.l1_weight,
        "adversarial": DEFAULT.adversarial_weight,
        "features": DEFAULT.features_weight,
    }


@pytest.mark.parametrize("preset", ["default", "faithful"])
def test_both_see_photo_and_mask(preset: str, batch: Batch) -> None:
    options = outpaint.Options(preset=preset, features="discriminator", width=4)
    masked_input = outpaint.build_generator(options, 64).masked_input
    assert isinstance(masked_input, MaskedInput)
    assert torch.equal(masked_input(batch.image, batch.mask)[:, 3:], batch.mask)


# Where the weights cannot be had


def no_network(*_: Any, **__: Any) -> Any:
    raise URLError("Name or service not known")


def test_no_network_is_an_error_that_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.urlopen", no_network)
    options = outpaint.Options(preset="faithful", width=4)
    with pytest.raises(ValueError, match="weights_path.*or choose.*features: discriminator"):
        outpaint.build(options, SETTING, CPU)


def test_what_is_trained_is_used_without_vgg() -> None:
    """A kept generator is rebuilt from its options alone."""
    values = outpaint.Options(preset="faithful", width=4).model_dump()
    assert registry.build_generator("outpaint", values, 64) is not None


def test_a_missing_file() -> None:
    with pytest.raises(ValueError, match="weights_path is 'no.pth', but no such file"):
        load_vgg_features("no.pth", "0" * 64)


def test_another_file(weights: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match=f"but .* has {weights[1]}"):
        load_vgg_features(weights[0], "0" * 64)


def test_another_network(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    for state, words in (({"conv.weight": torch.zeros(3)}, "features.0.weight"), ([1], "list")):
        torch.save(state, path)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        with pytest.raises(ValueError, match=words):
            load_vgg_features(str(path), sha256)


def test_no_weights_at_all(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    for text in (b"", b"not weights"):
        path.write_bytes(text)
        with pytest.raises(ValueError, match="notes.txt is no file of torch's weights"):
            load_vgg_features(str(path), hashlib.sha256(text).hexdigest())


@pytest.mark.parametrize(
    "values, words",
    [
        ({"features": "vgg16"}, "'vgg19' or 'discriminator'"),
        ({"weights_path": "vgg19.pth"}, "weights_path and weights_sha256 go together"),
        ({"weights_sha256": "0" * 64}, "weights_path and weights_sha256 go together"),
        ({"weights_path": "vgg19.pth", "weights_sha256": "12"}, "pattern"),
    ],
)
def test_bad_options_are_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        outpaint.Options.model_validate({"preset": "default", **values})

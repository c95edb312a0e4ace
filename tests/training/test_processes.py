"""What several processes cannot compute together, without starting them."""

import pytest
import torch

from models import registry
from models.recipe import DataSpec
from pipeline.training.processes import Processes, distribute

SETTING = DataSpec(64, 28, steps_per_epoch=10, seed=0, mean_color=(0.0, 0.0, 0.0))


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_norms_for_a_batch_of_one_are_refused_on_any_device(device: str) -> None:
    values = {"preset": "faithful", "width": 2}
    options = registry.options_model("pix2pix").model_validate(values)
    recipe = registry.build("pix2pix", options, SETTING, torch.device("cpu"))
    two = Processes(0, 2, torch.device(device))
    with pytest.raises(ValueError, match="generator has batch norms .*norm: instance"):
        distribute(recipe, two, 16)
    options = registry.options_model("pix2pix").model_validate({**values, "norm": "instance"})
    distribute(registry.build("pix2pix", options, SETTING, torch.device("cpu")), two, 16)

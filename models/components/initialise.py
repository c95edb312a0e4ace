"""First weights of a network; biases are 0."""

from collections.abc import Callable

from torch import Tensor, nn

WEIGHTED = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


def glorot_uniform(network: nn.Module) -> None:
    """The default of Keras (Glorot and Bengio 2010)."""
    _fill(network, nn.init.xavier_uniform_)


def he_normal(network: nn.Module, negative_slope: float = 0.0) -> None:
    """For (leaky) ReLU layers without normalisation (He et al. 2015)."""
    _fill(network, lambda weight: nn.init.kaiming_normal_(weight, a=negative_slope))


def normal(network: nn.Module, std: float = 0.02) -> None:
    """DCGAN's and pix2pix's; the weights of batch norms are N(1, std) (Radford et al. 2016)."""
    _fill(network, lambda weight: nn.init.normal_(weight, 0.0, std))
    for layer in network.modules():
        # Around 1, as they multiply; their biases are torch's own, 0.
        if isinstance(layer, nn.BatchNorm2d | nn.InstanceNorm2d) and layer.affine:
            nn.init.normal_(layer.weight, 1.0, std)


def _fill(network: nn.Module, weigh: Callable[[Tensor], Tensor]) -> None:
    for layer in network.modules():
        if isinstance(layer, WEIGHTED):
            weigh(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

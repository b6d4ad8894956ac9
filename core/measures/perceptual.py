"""LPIPS: perceptual distance of pictures, as a network has learnt it from people's judgements.

Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric" (arXiv 1801.03924), version
0.1, by the authors' package `lpips`. The package has the layers learnt on top of AlexNet's or VGG16's features, and
would download the features' weights silently; here they are read by `weights.imagenet`.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path

import torch

from ..errors import InputError
from ..media.frames import Frame, to_tensor
from ..weights.imagenet import ALEXNET, VGG16, read_weights

_BACKBONES = {"alex": ALEXNET, "vgg": VGG16}
_SMALLEST = {"alex": 32, "vgg": 16}  # smallest side in pixels; smaller pictures vanish in the last pooling


class PerceptualDistance:
    """LPIPS with one backbone.

    Attributes:
        backbone: "alex" or "vgg"; their distances cannot be compared with each other.
    """

    def __init__(self, backbone: str, weights: Path | None, device: torch.device | str = "cpu") -> None:
        """Loads the network.

        Args:
            backbone: "alex" (what papers on interpolation report) or "vgg".
            weights: see `weights.imagenet.read_weights`.
            device: the network's device.

        Raises:
            CheckpointError: the weights are not the backbone's.
            InputError: the package is not installed; or no file was given and the download failed.
        """
        try:
            from lpips import LPIPS
        except ImportError as error:
            raise InputError("LPIPS needs the package lpips; install it: pip install 'animi[evaluate]'") from error
        self.backbone = backbone
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torchvision, about how the package calls it
            network = LPIPS(net=backbone, pnet_rand=True, verbose=False)  # random weights, which are replaced below
        own = network.net.state_dict()
        places = {f"features.{name.split('.', 1)[1]}": name for name in own}  # slice2.3.weight is features.3.weight
        found = read_weights(_BACKBONES[backbone], weights, {place: own[name] for place, name in places.items()})
        network.net.load_state_dict({places[place]: tensor for place, tensor in found.items()})
        self._network = network.eval().requires_grad_(False).to(device)
        self._device = device

    def compare(self, drawn: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        """The mean distance of pictures, with gradients: (N, 3, H, W) in [-1, 1] each to a scalar."""
        with torch.autocast(drawn.device.type, enabled=False):
            mean: torch.Tensor = self._network(drawn.float(), truth.float()).mean()
        return mean

    @torch.inference_mode()
    def __call__(self, drawn: Sequence[Frame], truth: Sequence[Frame]) -> list[float]:
        """The distance of each pair of pictures; 0 for equal pictures.

        Args:
            drawn: (H, W, 3), RGB, all of one shape.
            truth: as many of the same shape.

        Returns:
            NaN if pictures are too small for the backbone.
        """
        if min(drawn[0].shape[:2]) < _SMALLEST[self.backbone]:
            return [float("nan")] * len(drawn)
        found = []
        for one, other in zip(drawn, truth, strict=True):  # one pair at a time, so that large frames fit in memory
            found.append(self._network(*(to_tensor([frame]).to(self._device) for frame in (one, other))).item())
        return found

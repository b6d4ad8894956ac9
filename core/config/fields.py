"""Fields that several commands have: their types, what they may be and what they mean, written once."""

from fractions import Fraction
from pathlib import Path
from typing import Annotated, TypeAlias

from .checks import Choice, Doc, Range
from .choices import DEVICES, PROVIDERS

Device: TypeAlias = Annotated[
    str,
    Choice(DEVICES, others=True),
    Doc("Where networks run: auto takes a GPU if there is one; cuda:1 is the second."),
]
Provider: TypeAlias = Annotated[
    str,
    Choice(PROVIDERS),
    Doc(
        "What ONNX Runtime draws on, with animi's own network: auto takes a GPU if this onnxruntime can use one, else "
        "the CPU."
    ),
]
Seed: TypeAlias = Annotated[int, Range(0), Doc("The same seed gives the same result.")]
Rate: TypeAlias = Annotated[Fraction, Range(0, 1000, above=True), Doc("Frames a second: 12, 23.976 or 24000/1001.")]
LearningRate: TypeAlias = Annotated[float, Range(0, above=True), Doc("Learning rate.")]
Weight: TypeAlias = Annotated[float, Range(0)]
"""Of a term of a loss; 0 turns it off, and what it needs is not computed."""
Share: TypeAlias = Annotated[float, Range(0, 1)]
Count: TypeAlias = Annotated[int, Range(1)]
HoldThreshold: TypeAlias = Annotated[
    float,
    Range(0),
    Doc(
        "How far a frame may differ from the drawing before it and still be that drawing, held; above what grain, "
        "dirt, flicker and weave make. 0: no drawing is held. scores.csv of extract-frames lists the scores."
    ),
]
Films: TypeAlias = Annotated[
    tuple[Path, ...],
    Doc("Folders that extract-frames wrote, or folders of images; one film or several in each."),
]
RunFolder: TypeAlias = Annotated[Path, Doc("The run's folder: new, or empty.")]
VggWeights: TypeAlias = Annotated[
    Path | None,
    Doc(
        "VGG16's weights: a .safetensors with torchvision's names, or torchvision's .pth. "
        "None: torchvision's, downloaded once."
    ),
]
AlexWeights: TypeAlias = Annotated[
    Path | None,
    Doc(
        "AlexNet's weights, to measure LPIPS: a .safetensors with torchvision's names, or torchvision's .pth. "
        "None: LPIPS is not measured."
    ),
]

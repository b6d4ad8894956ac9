"""Settings of the commands that train.

The docstring of a field is the help of its option; the annotation is its check.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from ..errors import ConfigError
from .checks import Checked, Choice, Doc, Flags, NoOption, Range, check_ends
from .choices import (
    AUGMENTATIONS,
    BETWEEN,
    BN_INITS,
    DEVICES,
    JUDGED,
    NETS,
    PRECISIONS,
    RECIPES,
    REFINE,
    SCHEDULES,
    TRAINED_SIZES,
)
from .fields import (
    AlexWeights,
    Count,
    Device,
    Films,
    LearningRate,
    RunFolder,
    Seed,
    Share,
    VggWeights,
    Weight,
)
from .material import ClipConfig
from .serialise import with_values

MAY_CHANGE = frozenset(
    {"steps", "log_every", "save_every", "sample_every", "keep", "device", "workers", "compiled", "recompute", "output"}
    | {"vgg_weights", "alex_weights", "health"}  # the same weights elsewhere; evaluations do not change the training
)
"""Settings that may change when a run is resumed, as they do not change what is learnt."""


@dataclass(frozen=True)
class TrainingConfig(Checked):
    """Settings of the training loop, for every recipe."""

    steps: Count = 10_000
    """Number of steps in all, also of a resumed run."""
    batch_size: Count = 16
    """Samples in a step, over all processes and accumulated parts."""
    accumulate: Count = 1
    """Parts into which a process splits its share of a batch to save memory; their gradients are accumulated."""
    precision: Annotated[str, Choice(PRECISIONS)] = PRECISIONS[0]
    """Number format of the forward pass; auto: bf16 on a GPU that has it, else fp32. tf32 is CUDA's, and quicker than
    fp32, which is exact."""
    channels_last: Annotated[bool, NoOption()] = True
    """Use channels-last memory for images and kernels, which is faster on tensor cores."""
    compiled: Annotated[bool, Flags("--compile", "--no-compile")] = False
    """Compile the networks; takes a minute or more at the start."""
    recompute: Annotated[bool, Flags("--recompute", "--no-recompute")] = False
    """Compute blocks' features again in the backward pass instead of keeping them: less memory, more time."""
    clip: Annotated[float | None, Range(0, above=True)] = None
    """Largest norm of a phase's gradients. None: none."""
    ema: Annotated[float, Range(0, 1, below=True)] = 0.999
    """Decay of the exponential moving average of the weights at each step; 0: no average."""
    seed: Seed = 0
    """The same seed gives the same training, on the same kind of device."""
    log_every: Count = 10
    """Steps between lines of metrics.jsonl."""
    save_every: Count = 500
    """Steps between checkpoints; a run returns to the last one when a loss is not finite."""
    sample_every: Count = 500
    """Steps between evaluations: of samples, and of health."""
    keep: Count = 3
    """Number of checkpoints to keep, besides the best."""
    device: Device = DEVICES[0]
    workers: Annotated[int, Range(0)] = 2
    """Threads that draw batches ahead."""

    def __post_init__(self) -> None:
        """Checks the values.

        Raises:
            ConfigError: a value is out of its range, or two do not go together.
        """
        super().__post_init__()
        if self.recompute and self.compiled:
            raise ConfigError("--recompute: cannot go together with --compile; give one of them")


@dataclass(frozen=True)
class AdversarialConfig(Checked):
    """The networks of an adversarial training, and their losses."""

    width: Annotated[int, Range(4, 512, unit="channels")] = 64
    """Channels of the networks at 128 pixels; those of other sizes are multiples."""
    spectral_norm: bool = True
    """Spectral norm on the discriminator's convolutions and on the excitations of both networks, or on none at all."""
    bn_init: Annotated[str, Choice(BN_INITS)] = BN_INITS[0]
    """What batch norms' weights begin with: ones; dcgan, N(1, 0.02); notebook, N(0, 0.02)."""
    generator_rate: LearningRate = 2e-4
    """The generator's learning rate."""
    discriminator_rate: LearningRate = 2e-4
    """The discriminator's learning rate."""
    schedule: Annotated[str, Choice(SCHEDULES)] = SCHEDULES[0]
    """Of both learning rates: constant; linear, to 0 over the second half; cosine, to 0 over all steps."""
    warm_up: Annotated[int, Range(0)] = 0
    """Steps at the beginning in which both learning rates rise."""
    betas: Annotated[tuple[float, float], Range(0, 1, below=True)] = (0.5, 0.999)
    """Adam's, such as 0.5,0.999."""
    augment: Annotated[tuple[str, ...], Choice(AUGMENTATIONS, none=True)] = AUGMENTATIONS
    """Augmentations of the discriminator's pictures, in this order."""
    redraw: Weight = 1.0
    """Weight of the discriminator's reconstruction of real pictures."""
    lecam: Weight = 0.1
    """Weight of the LeCam penalty."""
    r1: Weight = 0.0
    """Weight of the gradient penalty at real pictures."""

    def __post_init__(self) -> None:
        """Checks the values.

        Raises:
            ConfigError: a value is out of its range.
        """
        super().__post_init__()
        if len(self.betas) != 2:
            raise ConfigError(f"--betas: {self.betas} cannot be used; give two shares below 1, such as 0.5,0.999")


class OfRecipe:
    """Settings whose defaults depend on the recipe."""

    NOTEBOOK: ClassVar[Mapping[str, Any]] = {}
    """Defaults of the notebook recipe that differ, by the fields' names."""

    @classmethod
    def of_recipe(cls, recipe: str, *needed: Any) -> Self:
        """The settings of one of RECIPES; `needed` are the fields without a default, in order."""
        config = cls(*needed, recipe=recipe)  # type: ignore[call-arg]  # every one of them is a dataclass with it
        return with_values(config, cls.NOTEBOOK) if recipe == "notebook" else config


_Recipe = Annotated[
    str,
    Choice(RECIPES),
    Doc("Defaults of settings that are not given: steady, made not to collapse, or those of the first experiments."),
]
_HeldOut = Annotated[
    float,
    Range(0, 0.25),
    Doc("Share of the clips held out to evaluate on, if `unseen` names no film; 0: none."),
]
_Evaluated = Annotated[
    int,
    Range(4, 4096),
    Doc("Pictures that an evaluation draws and measures; twice as many clips are held out for it."),
]
_NOTEBOOK: dict[str, Any] = {
    "crop": 1.0, "flip": False, "colour": False, "reverse": False, "augment": (), "lecam": 0.0, "ema": 0.0,
    "bn_init": "notebook",
}  # fmt: skip


@dataclass(frozen=True)
class TrainVggSleConfig(OfRecipe, Checked):
    """What `animi train-vgg-sle` learns."""

    NOTEBOOK = _NOTEBOOK | {  # one clip of eight frames a step: eight pictures
        "batch_size": 1, "spectral_norm": False, "generator_rate": 1e-3, "discriminator_rate": 1e-3,
        "betas": (0.9, 0.999), "judged": "middle", "ends": 1.0,
    }  # fmt: skip

    paths: Films
    output: Annotated[RunFolder, Flags("--output", "-o")]
    recipe: _Recipe = RECIPES[0]
    clips: ClipConfig = ClipConfig()
    """The clips; the first and the last frame are the ends."""
    training: TrainingConfig = TrainingConfig(batch_size=2)
    """A sample is a clip."""
    nets: AdversarialConfig = AdversarialConfig()
    """The networks and how they are set against each other."""
    judged: Annotated[str, Choice(JUDGED)] = JUDGED[0]
    """Frames of a clip that the discriminator judges: all, or all but the two ends (middle)."""
    ends: Weight = 10.0
    """Weight of the mean absolute error at the two ends."""
    vgg_weights: VggWeights = None
    unseen: tuple[Path, ...] = ()
    """A folder of frames to evaluate on; repeatable. None: clips of each film."""
    hold_out: _HeldOut = 0.05
    samples: Annotated[int, Range(1, 256)] = 4
    """Clips shown at each evaluation."""
    evaluation_samples: _Evaluated = 64

    def __post_init__(self) -> None:
        """Checks the values.

        Raises:
            ConfigError: a value is out of its range, or two do not go together.
        """
        super().__post_init__()
        _check_size(self.clips)
        check_ends(self.clips.length)


@dataclass(frozen=True)
class TrainNoiseConfig(OfRecipe, Checked):
    """What `animi train-noise` learns."""

    NOTEBOOK = _NOTEBOOK | {"batch_size": 8}

    paths: Films
    """Folders that extract-frames wrote, or folders of images, one film or several in each; all are shuffled
    together."""
    output: Annotated[RunFolder, Flags("--output", "-o")]
    recipe: _Recipe = RECIPES[0]
    latent_dim: Annotated[int, Range(1, 8192)] = 256
    """Length of the latents that pictures are drawn from: 256, 1024."""
    clips: ClipConfig = ClipConfig(length=1, colour=False, reverse=False)
    """Single pictures, without exchanged colours, which would be learnt too."""
    training: TrainingConfig = TrainingConfig()
    """A sample is a picture."""
    nets: AdversarialConfig = AdversarialConfig()
    """The networks and how they are set against each other."""
    vgg_weights: VggWeights = None
    health: bool = True
    """Measure at each evaluation whether samples are as varied as real pictures, by VGG16."""
    unseen: tuple[Path, ...] = ()
    """A folder of frames to evaluate on; repeatable. None: clips of each film."""
    hold_out: _HeldOut = 0.05
    samples: Annotated[int, Range(1, 256)] = 64
    """Pictures shown at each evaluation."""
    evaluation_samples: _Evaluated = 64

    def __post_init__(self) -> None:
        """Checks the values.

        Raises:
            ConfigError: a value is out of its range.
        """
        super().__post_init__()
        _check_size(self.clips)
        if self.clips.length != 1:
            raise ConfigError(f"--length: {self.clips.length} cannot be used here; pictures are drawn one by one")
        if self.training.batch_size < 2:
            raise ConfigError("--batch-size: 1 is too small, as batch norms need several pictures; give 2 or more")


@dataclass(frozen=True)
class PretrainAeConfig(Checked):
    """What `animi pretrain-ae` learns."""

    paths: Films
    output: Annotated[RunFolder, Flags("--output", "-o")]
    net: Annotated[str, Choice(NETS)] = NETS[0]
    """deep: residual blocks at every size, skip-layer excitation; plain: a few convolutions."""
    width: Annotated[int, Range(1, 256, unit="channels")] = 16
    """Channels at the full size; they double at each halving."""
    latent: Annotated[int, Range(1, 4096, unit="channels")] = 128
    """Channels of the latents."""
    halvings: Annotated[int, Range(1, 6)] = 3
    """Halvings of the sides from pictures to latents; 3 makes 32 x 32 of 256 x 256."""
    depth: Annotated[int, Range(1, 32, unit="blocks")] = 2
    """Residual blocks of the deep net at each size, on the way down and again on the way up."""
    between: Annotated[str, Choice(BETWEEN)] = BETWEEN[0]
    """Interpolation of latents: lerp, on a straight line; slerp, on the great circle."""
    clips: ClipConfig = ClipConfig(length=1, reverse=False)
    """Single pictures, also with exchanged colours."""
    training: TrainingConfig = TrainingConfig(clip=1.0)
    """A sample is a picture."""
    rate: LearningRate = 5e-4
    unseen: tuple[Path, ...] = ()
    """A folder of frames to evaluate on; repeatable. None: stretches of each
    film."""
    hold_out: Annotated[float, Range(0, 0.5, above=True)] = 0.05
    """Share of each film held out to evaluate on, if `unseen` names no film."""
    alex_weights: AlexWeights = None
    samples: Annotated[int, Range(1, 64)] = 16
    """Pictures shown at each evaluation."""
    evaluation_samples: _Evaluated = 64

    def __post_init__(self) -> None:
        """Checks the values.

        Raises:
            ConfigError: a value is out of its range, or two do not go together.
        """
        super().__post_init__()
        if self.clips.length != 1:
            raise ConfigError(f"--length: {self.clips.length} cannot be used here; pictures are redrawn one by one")
        multiple = 1 << self.halvings
        if self.clips.size % multiple or not 16 <= self.clips.size <= 2048:
            raise ConfigError(
                f"--size: {self.clips.size} cannot be trained; give a multiple of {multiple} (--halvings "
                f"{self.halvings}) from 16 to 2048"
            )


@dataclass(frozen=True)
class FinetuneAdvConfig(OfRecipe, Checked):
    """What `animi finetune-adv` learns; a weight of 0 turns its term off."""

    NOTEBOOK = _NOTEBOOK | dict.fromkeys(("middles", "image", "latent", "edge", "fade", "ghost"), 0.0)

    paths: Films
    output: Annotated[RunFolder, Flags("--output", "-o")]
    init: Path
    """The auto-encoder to start from: a checkpoint of pretrain-ae or of this command, or its run's folder."""
    recipe: _Recipe = RECIPES[0]
    clips: ClipConfig = ClipConfig()
    """The clips; the first and the last frame are the ends."""
    training: TrainingConfig = TrainingConfig(batch_size=2)
    """A sample is a clip."""
    nets: AdversarialConfig = AdversarialConfig()
    """The discriminators; the generator is the auto-encoder."""
    reconstruction: Weight = 10.0
    """Mean absolute error at the two ends."""
    middles: Weight = 1.0
    """Mean absolute error of the frames between."""
    sequence: Weight = 1.0
    """A discriminator of whole clips."""
    image: Weight = 1.0
    """A discriminator of single in-betweens."""
    latent: Weight = 1.0
    """Distance of interpolated latents to those of the real frames between."""
    edge: Weight = 0.5
    """Drawings softened along their lines, as extra fakes for the discriminator of `image`."""
    fade: Weight = 0.5
    """Cross-faded ends, as extra fakes for the discriminators of `sequence` and `image`."""
    ghost: Weight = 1.0
    """Ghost score above that of the real frames."""
    refine: Annotated[str, Choice(REFINE)] = REFINE[0]
    """A refinement network: none; joint: trained with the auto-encoder; after: trained alone, after a fixed one."""
    refine_width: Annotated[int, Range(1, 512, unit="channels")] = 32
    """Channels of the refinement network."""
    double: Annotated[bool, Flags("--double", "--no-double")] = False
    """Draw at half the size, which the refinement doubles."""
    vgg_weights: VggWeights = None
    health: bool = True
    """Measure at each evaluation whether the in-betweens are as varied as the real frames, by VGG16."""
    unseen: tuple[Path, ...] = ()
    """A folder of frames to evaluate on; repeatable. None: clips of each film."""
    hold_out: _HeldOut = 0.05
    samples: Annotated[int, Range(1, 256)] = 4
    """Clips shown at each evaluation."""
    evaluation_samples: _Evaluated = 64

    def __post_init__(self) -> None:
        """Checks the values.

        Raises:
            ConfigError: a value is out of its range, or two do not go together.
        """
        super().__post_init__()
        _check_size(self.clips)
        check_ends(self.clips.length)
        learns = ("reconstruction", "middles", "sequence", "image", "latent", "ghost")
        if not any(getattr(self, name) for name in learns):
            raise ConfigError(
                f"--reconstruction: is 0, and so are --{', --'.join(learns[1:])}: nothing would be learnt; give one"
            )
        if self.edge and not self.image:
            raise ConfigError("--edge: nothing rejects softened drawings, as --image is 0; give --image a weight too")
        if self.fade and not (self.image or self.sequence):
            raise ConfigError(
                "--fade: no discriminator rejects cross-fades, as --image and --sequence are 0; give one a weight too"
            )
        if self.double and self.refine == "none":
            raise ConfigError("--double: needs a refinement network; add --refine joint or --refine after")


@dataclass(frozen=True)
class TrainMotionConfig(Checked):
    """What `animi train-motion` learns; a weight of 0 turns its term off."""

    paths: tuple[Path, ...]
    """Folders that extract-frames wrote, or folders of images, to learn from besides drawn cartoons; optional."""
    output: Annotated[RunFolder, Flags("--output", "-o")]
    init: Path | None = None
    """A motion network to start from: a .safetensors, or a run's folder. None: a new one."""
    width: Annotated[int, Range(8, 512, multiple=4, unit="channels")] = 64
    """Channels of a new network at a quarter of the picture's size."""
    guided: Annotated[bool, Flags("--guided", "--no-guided")] = False
    """Make a network that starts from the motion of a classical search instead of its own matching, in a fifth of the
    time."""
    searched: Annotated[bool, Flags("--searched", "--no-searched")] = False
    """Give a network with its own matching the motion of a classical search too, as when it draws on a CPU."""
    drawing_only: Annotated[bool, Flags("--drawing-only", "--no-drawing-only")] = False
    """Freeze the layers that find the motion, and train those that draw along it."""
    sizes: tuple[int, ...] = (192, 128, 192, 256)
    """Sides of the drawn pictures; batches alternate. Films have the largest."""
    clips: ClipConfig = ClipConfig(length=5, stride=1)
    """The clips of films from which three frames are taken."""
    training: TrainingConfig = TrainingConfig(steps=40_000, clip=1.0)
    """A sample is two key frames and a frame between."""
    rate: LearningRate = 4e-4
    """Learning rate after the warm-up, up to the last third of the steps."""
    decay: Weight = 1e-3
    """AdamW's weight decay."""
    warm_up: Annotated[int, Range(0)] = 500
    """Steps in which the learning rate rises."""
    small: Annotated[int, Range(0)] = 0
    """Steps at the beginning with pictures of half the size, which take a third of the time on a GPU."""
    grow: Annotated[int, Range(0)] = 4000
    """Steps in which the drawn motion grows to its full size; 0: full from the start."""
    sprites: Path | None = None
    """A folder to lay over some of the drawn samples: animations with alpha (Lottie, WebP, APNG, GIF, folders of
    PNGs), and SVG drawings, whose parts move."""
    sprite_share: Share = 0.25
    """Share of the drawn samples that sprites are laid over, where there are any."""
    staged: Share = 0.0
    """Share of the batches that the device composes of sprites, which are rendered before the start and take gigabytes
    of its memory."""
    repeat: Annotated[int, Range(1, 16)] = 1
    """Number of successive batches of the same drawn scenes, each rotated, mirrored, recoloured or reversed, for when
    drawing takes longer than training."""
    collage: Annotated[int, Range(0)] = 0
    """Layers of each kind and time that are drawn before the start, such as 100; the device composes half of the
    batches
    of them; 0: none."""
    films: Share = 0.25
    """Share of the batches that are of films, where there are any."""
    cuts: Share = 0.05
    """Share of drawn pairs whose last frame is of another scene, to train on cuts."""
    flow: Weight = 0.1
    """Weight of the motion's error in pixels."""
    matching: Weight = 0.2
    """Weight of the global matches' cross-entropy."""
    visibility: Weight = 0.2
    """Weight of the cross-entropy of what is visible in both frames."""
    pictures: Weight = 1.0
    """Weight of the distance of drawn frames from the truth: absolute, Laplacian and census."""
    claims: Weight = 0.0
    """Weight of the cross-entropy of which key frame is right where the two, moved to the frame between, differ."""
    style: Weight = 0.0
    """Weight of the difference of VGG16's Gram matrices; for fine-tuning."""
    perceptual: Weight = 0.0
    """Weight of LPIPS by AlexNet, which needs `alex_weights`; for fine-tuning."""
    ghost: Weight = 0.0
    """Weight of the ghost score above the truth's."""
    semantics: Weight = 0.0
    """Weight of the distance of VGG16's features from what two extra layers predict of the encoder's; these layers are
    no part of the network."""
    vgg_weights: VggWeights = None
    alex_weights: AlexWeights = None
    """AlexNet's weights, to measure or lower LPIPS: a .safetensors or torchvision's .pth. None: LPIPS is not
    measured."""
    samples: Annotated[int, Range(1, 64)] = 8
    """Strips shown at each evaluation."""
    evaluation_samples: Annotated[int, Range(1, 4096)] = 32
    """Drawn samples that an evaluation measures; half of them are chosen for large motion from four times as many."""

    def __post_init__(self) -> None:
        """Checks the values.

        Raises:
            ConfigError: a value is out of its range, or two do not go together.
        """
        super().__post_init__()
        if not self.sizes or any(not 32 <= size <= 1024 or size % 16 for size in self.sizes):
            given = ",".join(map(str, self.sizes))
            raise ConfigError(f"--sizes: {given or 'none'} cannot be used; give multiples of 16 from 32 to 1024")
        if self.paths:
            check_ends(self.clips.length)
        if not any((self.flow, self.matching, self.pictures, self.style, self.perceptual)):
            raise ConfigError(
                "--flow: is 0, and so are --matching, --pictures, --style and --perceptual: no motion would be learnt; "
                "give one"
            )
        if self.perceptual and self.alex_weights is None:
            raise ConfigError("--perceptual: needs AlexNet; give its weights by --alex-weights")
        if self.drawing_only and self.init is None:
            raise ConfigError("--drawing-only: needs a network that has learnt motion; give one by --init")
        if self.drawing_only and self.semantics:
            raise ConfigError("--semantics: trains the encoder, which --drawing-only freezes; leave out one of them")
        if self.staged and self.sprites is None:
            raise ConfigError("--staged: needs sprites; give a folder of them by --sprites")
        if self.paths and self.films and not any((self.pictures, self.style, self.perceptual)):
            raise ConfigError("--films: films train pictures only; give --pictures or --style a weight, or --films 0")


def _check_size(clips: ClipConfig) -> None:
    if clips.size not in TRAINED_SIZES:
        raise ConfigError(f"--size: {clips.size} cannot be trained; give {', '.join(map(str, TRAINED_SIZES))}")

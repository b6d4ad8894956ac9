"""Settings of the commands that train."""

from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path

from ..errors import ConfigError
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
from .material import ClipConfig

MAY_CHANGE = frozenset(
    {"steps", "log_every", "save_every", "sample_every", "keep", "device", "workers", "compiled", "recompute", "output"}
    | {"vgg_weights", "alex_weights", "health"}  # the same weights, elsewhere; a look changes nothing
)
"""Settings that a resumed run may be given anew: none of them changes what is learnt; the folder may have moved."""


@dataclass(frozen=True)
class TrainingConfig:
    """How a training runs, for every trainer; what it learns is the recipe's own."""

    steps: int = 10_000
    """Steps in all; a resumed run goes on up to it."""
    batch_size: int = 16
    """Samples a step, over all processes and accumulated parts together."""
    accumulate: int = 1
    """Parts into which a process's share of a batch is cut to save memory; their gradients are added up."""
    precision: str = PRECISIONS[0]
    """One of PRECISIONS."""
    channels_last: bool = True
    """Lay images and kernels out with the channels last in memory, as tensor cores like it."""
    compiled: bool = False
    """Compile the networks; takes a minute or more at the start."""
    recompute: bool = False
    """Compute blocks' features again in the backward pass instead of keeping them: less memory, more time."""
    clip: float | None = None
    """Largest norm of a phase's gradients; None: they are taken as they are."""
    ema: float = 0.999
    """How much of the running mean of the weights is kept at each step; 0: no mean."""
    seed: int = 0
    """The same seed gives the same training, on the same kind of device."""
    log_every: int = 10
    """Steps from one line of metrics.jsonl to the next."""
    save_every: int = 500
    """Steps from one checkpoint to the next; also how far a loss that is not finite throws a run back."""
    sample_every: int = 500
    """Steps from one look at samples and health to the next."""
    keep: int = 3
    """Checkpoints kept, the newest, beside the best."""
    device: str = DEVICES[0]
    """Where it trains: one of DEVICES, or cuda:1 and so on."""
    workers: int = 2
    """Threads that draw batches ahead."""

    def __post_init__(self) -> None:
        """Refuses what cannot be used.

        Raises:
            ConfigError: a value is out of its range.
        """
        for name in ("steps", "batch_size", "accumulate", "log_every", "save_every", "sample_every", "keep"):
            value = getattr(self, name)
            if value < 1:
                raise ConfigError(f"--{name.replace('_', '-')}: {value} is too small; give a whole number from 1")
        if self.precision not in PRECISIONS:
            raise ConfigError(f"--precision: {self.precision!r} is not known; choose one of {', '.join(PRECISIONS)}")
        if self.recompute and self.compiled:
            raise ConfigError("--recompute: cannot go together with --compile; give one of them")
        if self.clip is not None and not (self.clip > 0 and isfinite(self.clip)):
            raise ConfigError(f"--clip: {self.clip:g} cannot be used; give a norm above 0")
        if not 0 <= self.ema < 1:
            raise ConfigError(f"--ema: {self.ema:g} is out of range; give 0 (none) or a share below 1, such as 0.999")
        for name in ("seed", "workers"):
            if getattr(self, name) < 0:
                raise ConfigError(f"--{name}: {getattr(self, name)} is negative; give a whole number from 0")


@dataclass(frozen=True)
class AdversarialConfig:
    """A generator against a discriminator of single pictures."""

    width: int = 64
    """Channels of both networks at 128 pixels; all others follow."""
    spectral_norm: bool = True
    """Spectral norm on the discriminator's convolutions and on the excitations of both networks, or on none at all."""
    bn_init: str = BN_INITS[0]
    """One of BN_INITS."""
    generator_rate: float = 2e-4
    """Learning rate of the generator."""
    discriminator_rate: float = 2e-4
    """Learning rate of the discriminator."""
    schedule: str = SCHEDULES[0]
    """One of SCHEDULES, of both learning rates."""
    warm_up: int = 0
    """Steps at the beginning in which both learning rates rise."""
    betas: tuple[float, float] = (0.5, 0.999)
    """Adam's."""
    augment: tuple[str, ...] = AUGMENTATIONS
    """Of AUGMENTATIONS."""
    redraw: float = 1.0
    """Weight of the discriminator's redrawing of real pictures."""
    lecam: float = 0.1
    """Weight of the LeCam penalty; 0: none."""
    r1: float = 0.0
    """Weight of the gradient penalty at real pictures; 0: none."""

    def __post_init__(self) -> None:
        """Refuses what cannot be used.

        Raises:
            ConfigError: a value is out of its range.
        """
        if not 4 <= self.width <= 512:
            raise ConfigError(f"--width: {self.width} is out of range; give 4 to 512 channels")
        if self.bn_init not in BN_INITS:
            raise ConfigError(f"--bn-init: {self.bn_init} is not known; give {', '.join(BN_INITS)}")
        for name in ("generator_rate", "discriminator_rate"):
            value = getattr(self, name)
            if not (value > 0 and isfinite(value)):
                raise ConfigError(f"--{name.replace('_', '-')}: {value:g} cannot be used; give a rate such as 0.0002")
        if self.schedule not in SCHEDULES:
            raise ConfigError(f"--schedule: {self.schedule} is not known; give {', '.join(SCHEDULES)}")
        if self.warm_up < 0:
            raise ConfigError(f"--warm-up: {self.warm_up} is negative; give a whole number from 0")
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise ConfigError(f"--betas: {self.betas} cannot be used; give two shares below 1, such as 0.5,0.999")
        for kind in self.augment:
            if kind not in AUGMENTATIONS:
                raise ConfigError(f"--augment: {kind} is not known; give any of {', '.join(AUGMENTATIONS)}, or none")
        if len(set(self.augment)) < len(self.augment):
            raise ConfigError(f"--augment: {', '.join(self.augment)} names one twice; give each once")
        for name in ("redraw", "lecam", "r1"):
            value = getattr(self, name)
            if not (value >= 0 and isfinite(value)):
                raise ConfigError(f"--{name}: {value:g} cannot be used; give a weight from 0")


_NOTEBOOK_CLIPS = ClipConfig(crop=1, flip=False, colour=False, reverse=False)
_NOTEBOOK_NETS = AdversarialConfig(augment=(), lecam=0.0, bn_init="notebook")


@dataclass(frozen=True)
class TrainVggSleConfig:
    """What `animi train-vgg-sle` learns."""

    paths: tuple[Path, ...]
    """Folders of frames, each with one film or several."""
    output: Path
    """The run's folder."""
    recipe: str = RECIPES[0]
    """One of RECIPES: where the settings that were not given come from."""
    clips: ClipConfig = ClipConfig()
    """The clips; the first and the last frame are the ends."""
    training: TrainingConfig = TrainingConfig(batch_size=2)
    """A sample is a clip."""
    nets: AdversarialConfig = AdversarialConfig()
    """The networks and how they are set against each other."""
    judged: str = JUDGED[0]
    """One of JUDGED."""
    ends: float = 10.0
    """Weight of the mean absolute error at the two ends."""
    vgg_weights: Path | None = None
    """VGG16's weights; None: torchvision's, from its cache or by a download."""
    unseen: tuple[Path, ...] = ()
    """Folders of frames to evaluate on, of which nothing is learnt; none: some of `paths` are held out."""
    hold_out: float = 0.05
    """Share of the drawings that is not learnt from but evaluated on, where `unseen` names none; 0: none is."""
    samples: int = 4
    """Clips shown at each look."""

    def __post_init__(self) -> None:
        """Refuses what cannot be used.

        Raises:
            ConfigError: a value is out of its range, or two do not go together.
        """
        _check_adversarial(self.recipe, self.clips, self.samples, self.hold_out)
        if self.clips.length < 3:
            raise ConfigError(f"--length: {self.clips.length} leaves nothing between the ends; give 3 frames or more")
        if self.judged not in JUDGED:
            raise ConfigError(f"--judged: {self.judged} is not known; give {' or '.join(JUDGED)}")
        if not (self.ends >= 0 and isfinite(self.ends)):
            raise ConfigError(f"--ends: {self.ends:g} cannot be used; give a weight from 0")

    @classmethod
    def of_recipe(cls, recipe: str, paths: tuple[Path, ...], output: Path) -> "TrainVggSleConfig":
        """The settings of one of RECIPES."""
        if recipe != "notebook":
            return cls(paths, output, recipe)
        nets = replace(
            _NOTEBOOK_NETS, spectral_norm=False, generator_rate=1e-3, discriminator_rate=1e-3, betas=(0.9, 0.999)
        )
        training = TrainingConfig(batch_size=1, ema=0.0)  # one clip of eight frames: eight pictures
        return cls(paths, output, recipe, _NOTEBOOK_CLIPS, training, nets, judged="middle", ends=1.0)


@dataclass(frozen=True)
class TrainNoiseConfig:
    """What `animi train-noise` learns."""

    paths: tuple[Path, ...]
    """Folders of frames, each with one film or several; all are shuffled together."""
    output: Path
    """The run's folder."""
    recipe: str = RECIPES[0]
    """One of RECIPES: where the settings that were not given come from."""
    latent_dim: int = 256
    """Numbers that a picture is drawn from."""
    clips: ClipConfig = ClipConfig(length=1, colour=False, reverse=False)
    """Single pictures, in their own colours: exchanged ones would be learnt as well, and drawn."""
    training: TrainingConfig = TrainingConfig()
    """A sample is a picture."""
    nets: AdversarialConfig = AdversarialConfig()
    """The networks and how they are set against each other."""
    vgg_weights: Path | None = None
    """VGG16's weights, to measure health by; None: torchvision's, from its cache or by a download."""
    health: bool = True
    """Measure at each look whether the samples are as varied as the reals."""
    unseen: tuple[Path, ...] = ()
    """Folders of frames to evaluate on, of which nothing is learnt; none: some of `paths` are held out."""
    hold_out: float = 0.05
    """Share of the drawings that is not learnt from but evaluated on, where `unseen` names none; 0: none is."""
    samples: int = 64
    """Pictures shown at each look."""

    def __post_init__(self) -> None:
        """Refuses what cannot be used.

        Raises:
            ConfigError: a value is out of its range.
        """
        _check_adversarial(self.recipe, self.clips, self.samples, self.hold_out)
        if self.clips.length != 1:
            raise ConfigError(f"--length: {self.clips.length} is of no use here; pictures are drawn one by one")
        if not 1 <= self.latent_dim <= 8192:
            raise ConfigError(f"--latent-dim: {self.latent_dim} is out of range; give 1 to 8192, such as 256 or 1024")
        if self.training.batch_size < 2:
            raise ConfigError("--batch-size: 1 is too small, as pictures are judged in company; give 2 or more")

    @classmethod
    def of_recipe(cls, recipe: str, paths: tuple[Path, ...], output: Path) -> "TrainNoiseConfig":
        """The settings of one of RECIPES."""
        if recipe != "notebook":
            return cls(paths, output, recipe)
        clips = replace(_NOTEBOOK_CLIPS, length=1)
        return cls(
            paths, output, recipe, clips=clips, training=TrainingConfig(batch_size=8, ema=0.0), nets=_NOTEBOOK_NETS
        )


@dataclass(frozen=True)
class PretrainAeConfig:
    """What `animi pretrain-ae` learns."""

    paths: tuple[Path, ...]
    """Folders of frames, each with one film or several."""
    output: Path
    """The run's folder."""
    net: str = NETS[0]
    """One of NETS."""
    width: int = 16
    """Channels at the full size; they double at each halving."""
    latent: int = 128
    """Channels of the latents."""
    halvings: int = 3
    """How often the sides are halved on the way to the latents."""
    depth: int = 2
    """Residual blocks of the deep net at each size, on the way down and again on the way up."""
    between: str = BETWEEN[0]
    """One of BETWEEN: how in-betweens are drawn with it."""
    clips: ClipConfig = ClipConfig(length=1, reverse=False)
    """Single pictures, in exchanged colours too: all are to be redrawn well."""
    training: TrainingConfig = TrainingConfig(clip=1.0)
    """A sample is a picture."""
    rate: float = 5e-4
    """Learning rate."""
    unseen: tuple[Path, ...] = ()
    """Folders of frames to look at, of which nothing is learnt; none: some of `paths` are held out."""
    hold_out: float = 0.05
    """Share of each film that is not learnt from but looked at, where `unseen` names none."""
    alex_weights: Path | None = None
    """AlexNet's weights, to measure LPIPS at each look; None: it is not measured."""
    samples: int = 16
    """Pictures shown at each look."""

    def __post_init__(self) -> None:
        """Refuses what cannot be used.

        Raises:
            ConfigError: a value is out of its range, or two do not go together.
        """
        if self.net not in NETS:
            raise ConfigError(f"--net: {self.net} is not known; give {' or '.join(NETS)}")
        if self.between not in BETWEEN:
            raise ConfigError(f"--between: {self.between} is not known; give {' or '.join(BETWEEN)}")
        for name, most in (("width", 256), ("latent", 4096), ("halvings", 6), ("depth", 32)):
            value = getattr(self, name)
            if not 1 <= value <= most:
                raise ConfigError(f"--{name}: {value} is out of range; give 1 to {most}")
        if self.clips.length != 1:
            raise ConfigError(f"--length: {self.clips.length} is of no use here; pictures are redrawn one by one")
        multiple = 1 << self.halvings
        if self.clips.size % multiple or not 16 <= self.clips.size <= 2048:
            raise ConfigError(
                f"--size: {self.clips.size} cannot be trained; give a multiple of {multiple} (--halvings "
                f"{self.halvings}) from 16 to 2048"
            )
        if not (self.rate > 0 and isfinite(self.rate)):
            raise ConfigError(f"--rate: {self.rate:g} cannot be used; give a rate such as 0.001")
        if not 0 < self.hold_out <= 0.5:
            raise ConfigError(f"--hold-out: {self.hold_out:g} is out of range; give a share above 0 and up to 0.5")
        if not 1 <= self.samples <= 64:
            raise ConfigError(f"--samples: {self.samples} is out of range; give 1 to 64")


@dataclass(frozen=True)
class FinetuneAdvConfig:
    """What `animi finetune-adv` learns; a weight of 0 turns its term off, and what it needs is not computed."""

    paths: tuple[Path, ...]
    """Folders of frames, each with one film or several."""
    output: Path
    """The run's folder."""
    init: Path
    """The auto-encoder to begin with: a checkpoint of pretrain-ae or of this command, or the folder of a run."""
    recipe: str = RECIPES[0]
    """One of RECIPES: where the settings that were not given come from."""
    clips: ClipConfig = ClipConfig()
    """The clips; the first and the last frame are the ends."""
    training: TrainingConfig = TrainingConfig(batch_size=2)
    """A sample is a clip."""
    nets: AdversarialConfig = AdversarialConfig()
    """The discriminators and how they learn; the generator is the auto-encoder."""
    reconstruction: float = 10.0
    """Weight of the mean absolute error at the two ends."""
    middles: float = 1.0
    """Weight of the mean absolute error of the frames between."""
    sequence: float = 1.0
    """Weight of the discriminator of clips."""
    image: float = 1.0
    """Weight of the discriminator of single in-betweens."""
    latent: float = 1.0
    """Weight of the distance from the latents drawn from to those of the real frames between."""
    edge: float = 0.5
    """Weight of drawings softened along their lines, as fakes of the discriminator of single in-betweens."""
    fade: float = 0.5
    """Weight of cross-faded ends, as fakes of both discriminators."""
    ghost: float = 1.0
    """Weight of the ghost score that exceeds the truth's."""
    refine: str = REFINE[0]
    """One of REFINE."""
    refine_width: int = 32
    """Channels of the refinement network."""
    double: bool = False
    """The auto-encoder draws at half the size, and the refinement doubles it."""
    vgg_weights: Path | None = None
    """VGG16's weights, to measure health by; None: torchvision's, from its cache or by a download."""
    health: bool = True
    """Measure at each look whether the in-betweens are as varied as the reals."""
    unseen: tuple[Path, ...] = ()
    """Folders of frames to evaluate on, of which nothing is learnt; none: some of `paths` are held out."""
    hold_out: float = 0.05
    """Share of the drawings that is not learnt from but evaluated on, where `unseen` names none; 0: none is."""
    samples: int = 4
    """Clips shown at each look."""

    def __post_init__(self) -> None:
        """Refuses what cannot be used.

        Raises:
            ConfigError: a value is out of its range, or two do not go together.
        """
        _check_adversarial(self.recipe, self.clips, self.samples, self.hold_out)
        if self.clips.length < 3:
            raise ConfigError(f"--length: {self.clips.length} leaves nothing between the ends; give 3 frames or more")
        learns = ("reconstruction", "middles", "sequence", "image", "latent", "ghost")
        for name in (*learns, "edge", "fade"):
            value = getattr(self, name)
            if not (value >= 0 and isfinite(value)):
                raise ConfigError(f"--{name}: {value:g} cannot be used; give a weight from 0")
        if not any(getattr(self, name) for name in learns):
            raise ConfigError(
                f"--reconstruction: is 0, and so are --{', --'.join(learns[1:])}: nothing is to be learnt; give one"
            )
        if self.edge and not self.image:
            raise ConfigError("--edge: nobody refuses softened drawings, as --image is 0; give --image a weight too")
        if self.fade and not (self.image or self.sequence):
            raise ConfigError(
                "--fade: nobody refuses cross-fades, as --image and --sequence are 0; give one of them a weight too"
            )
        if self.refine not in REFINE:
            raise ConfigError(f"--refine: {self.refine} is not known; give one of {', '.join(REFINE)}")
        if self.double and self.refine == "none":
            raise ConfigError("--double: it is the refinement that doubles; add --refine joint or --refine after")
        if not 1 <= self.refine_width <= 512:
            raise ConfigError(f"--refine-width: {self.refine_width} is out of range; give 1 to 512 channels")

    @classmethod
    def of_recipe(cls, recipe: str, paths: tuple[Path, ...], output: Path, init: Path) -> "FinetuneAdvConfig":
        """The settings of one of RECIPES."""
        if recipe != "notebook":
            return cls(paths, output, init, recipe)
        return cls(
            paths,
            output,
            init,
            recipe,
            _NOTEBOOK_CLIPS,
            TrainingConfig(batch_size=2, ema=0.0),
            _NOTEBOOK_NETS,
            middles=0.0,
            image=0.0,
            latent=0.0,
            edge=0.0,
            fade=0.0,
            ghost=0.0,
        )


@dataclass(frozen=True)
class TrainMotionConfig:
    """What `animi train-motion` learns; a weight of 0 turns its term off."""

    paths: tuple[Path, ...]
    """Folders of frames to learn from besides drawn cartoons; none are needed."""
    output: Path
    """The run's folder."""
    init: Path | None = None
    """A motion network to begin with: a checkpoint, or the folder of a run; None: a new one."""
    width: int = 64
    """Channels of a new network at a quarter of the picture's size."""
    guided: bool = False
    """Whether a new network begins with motion that is found without training, instead of with matching of its own."""
    searched: bool = False
    """Whether a network with matching of its own is helped by motion that is found without training, as it is where it
    draws on a CPU."""
    drawing_only: bool = False
    """Whether what finds the motion is held as it is, and only what draws along it learns."""
    sizes: tuple[int, ...] = (192, 128, 192, 256)
    """Sides of the drawn pictures; batches take turns. That of films is the largest."""
    clips: ClipConfig = ClipConfig(length=5, stride=1)
    """How triplets are taken from films: within clips of this length."""
    training: TrainingConfig = TrainingConfig(steps=40_000, clip=1.0)
    """A sample is two key frames and a frame between."""
    rate: float = 4e-4
    """Learning rate after the warm-up, up to the last third of the steps."""
    decay: float = 1e-3
    """AdamW's weight decay."""
    warm_up: int = 500
    """Steps in which the learning rate rises."""
    small: int = 0
    """Steps at the beginning in which pictures are half as large: on a GPU as many take a third of the time."""
    grow: int = 4000
    """Steps in which motion grows from small to the largest; 0: it is large at once."""
    sprites: Path | None = None
    """A folder of Lottie animations, laid over some of the drawn samples."""
    sprite_share: float = 0.25
    """Share of the drawn samples that sprites are laid over, where there are any."""
    staged: float = 0.0
    """Share of the batches that the device itself puts together of sprites, which are rendered whole before the start
    and take gigabytes there."""
    repeat: int = 1
    """How many batches in a row show the same drawn scenes, each time turned, mirrored, recoloured or backward: where
    drawing takes longer than learning."""
    collage: int = 0
    """Layers of each kind and time that are drawn before the start, from which the device itself puts half of the
    batches together; 0: none."""
    films: float = 0.25
    """Share of the batches that are of films, where there are any."""
    cuts: float = 0.05
    """Share of drawn pairs whose last frame is taken from another scene, so that it is learnt what a cut is."""
    flow: float = 0.1
    """Weight of the motion's error, in pixels."""
    matching: float = 0.2
    """Weight of the cross-entropy of the global matches."""
    sight: float = 0.2
    """Weight of the cross-entropy of what is seen in both frames."""
    pictures: float = 1.0
    """Weight of the difference of drawn frames from the truth: absolute, Laplacian and census."""
    style: float = 0.0
    """Weight of the difference of VGG16's Gram matrices; for fine-tuning."""
    perceptual: float = 0.0
    """Weight of LPIPS by AlexNet; for fine-tuning. Needs `alex_weights`."""
    ghost: float = 0.0
    """Weight of the ghost score that exceeds the truth's."""
    vgg_weights: Path | None = None
    """VGG16's weights, for the style; None: torchvision's, from its cache or by a download."""
    alex_weights: Path | None = None
    """AlexNet's weights, to measure LPIPS at each look, and to lower it; None: it is not measured."""
    samples: int = 8
    """Strips shown at each look."""

    def __post_init__(self) -> None:
        """Refuses what cannot be used.

        Raises:
            ConfigError: a value is out of its range, or two do not go together.
        """
        if not self.sizes or any(not 32 <= size <= 1024 or size % 16 for size in self.sizes):
            given = ",".join(map(str, self.sizes))
            raise ConfigError(f"--sizes: {given or 'none'} cannot be used; give multiples of 16 from 32 to 1024")
        if self.width % 4 or not 8 <= self.width <= 512:
            raise ConfigError(f"--width: {self.width} cannot be used; give a multiple of 4 from 8 to 512 channels")
        if self.paths and self.clips.length < 3:
            raise ConfigError(f"--length: {self.clips.length} leaves nothing between the ends; give 3 frames or more")
        if not (self.rate > 0 and isfinite(self.rate)):
            raise ConfigError(f"--rate: {self.rate:g} cannot be used; give a rate such as 0.0004")
        for name in ("decay", "flow", "matching", "sight", "pictures", "style", "perceptual", "ghost"):
            value = getattr(self, name)
            if not (value >= 0 and isfinite(value)):
                raise ConfigError(f"--{name}: {value:g} cannot be used; give a number from 0")
        if not any((self.flow, self.matching, self.pictures, self.style, self.perceptual)):
            raise ConfigError(
                "--flow: is 0, and so are --matching, --pictures, --style and --perceptual: no motion would be learnt; "
                "give one"
            )
        if not 1 <= self.repeat <= 16:
            raise ConfigError(f"--repeat: {self.repeat} is out of range; give 1 to 16")
        if self.perceptual and self.alex_weights is None:
            raise ConfigError("--perceptual: looks through AlexNet; give its weights by --alex-weights")
        if self.drawing_only and self.init is None:
            raise ConfigError(
                "--drawing-only: holds motion that was never learnt; give a network to begin with by --init"
            )
        if self.staged and self.sprites is None:
            raise ConfigError("--staged: puts sprites together; give a folder of them by --sprites")
        for name in ("films", "cuts", "sprite_share", "staged"):
            if not 0 <= getattr(self, name) <= 1:
                flag = name.replace("_", "-")
                raise ConfigError(f"--{flag}: {getattr(self, name):g} is out of range; give a share from 0 to 1")
        if self.paths and self.films and not any((self.pictures, self.style, self.perceptual)):
            raise ConfigError("--films: teach pictures only; give --pictures or --style a weight, or --films 0")
        for name in ("warm_up", "small", "grow", "collage"):
            if getattr(self, name) < 0:
                flag = name.replace("_", "-")
                raise ConfigError(f"--{flag}: {getattr(self, name)} is negative; give a whole number from 0")
        if not 1 <= self.samples <= 64:
            raise ConfigError(f"--samples: {self.samples} is out of range; give 1 to 64")


def _check_adversarial(recipe: str, clips: ClipConfig, samples: int, hold_out: float) -> None:
    if recipe not in RECIPES:
        raise ConfigError(f"--recipe: {recipe} is not known; give {' or '.join(RECIPES)}")
    if clips.size not in TRAINED_SIZES:
        raise ConfigError(f"--size: {clips.size} cannot be trained; give {', '.join(map(str, TRAINED_SIZES))}")
    if not 1 <= samples <= 256:
        raise ConfigError(f"--samples: {samples} is out of range; give 1 to 256")
    if not 0 <= hold_out <= 0.25:
        raise ConfigError(f"--hold-out: {hold_out:g} is out of range; give a share from 0 to 0.25")

"""`animi finetune-adv`: an auto-encoder learns to draw the frames between, by going from one latent to another.

The two ends of a clip are encoded, the latents between them are interpolated on a straight line (or on the great
circle, by the auto-encoder's config), and all are decoded. The terms of the loss, each with its weight:

    reconstruction   mean absolute error at the ends, so that it remains an auto-encoder
    middles          mean absolute error between them; alone it teaches a cross-fade, the mean of all motions
    sequence         a discriminator of whole clips, so that the motion is one that films show
    image            a discriminator of single in-betweens, so that each is a drawing
    latent           distance of the interpolated latents to those of the real frames
    edge             drawings with softened lines as extra fakes, so that soft lines are rejected (CartoonGAN)
    fade             cross-faded ends as extra fakes, as pictures and as clips
    ghost            ghost score of the in-betweens above that of the real frames

A refinement network may be trained together with the auto-encoder ("joint") or after a fixed one ("after"). All terms
then compare its output with the real frames, at twice the size if it doubles. For a quarter of the pictures it does not
get the key frames, so that it also works without them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import starmap
from math import isfinite
from pathlib import Path
from statistics import fmean

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from ....models.discriminators import SequenceDiscriminator, SequenceDiscriminatorConfig
from ....models.latent_inbetweener import LatentInbetweener
from ....models.refinement import RefinementConfig
from ...config.training import FinetuneAdvConfig
from ...errors import CheckpointError, ConfigError
from ...material.films import fingerprint
from ...material.loading import load_batches
from ...material.sampler import ClipSampler
from ...measures.ghost import ghost_penalty, score_ghosts
from ...measures.metrics import sharpness
from ...media.frames import from_tensor, to_uint8
from ...weights.checkpoint import load_checkpoint
from ...weights.find import find_checkpoint, find_states
from ..adversarial import (
    AdversarialTask,
    Discriminator,
    Evaluation,
    RealAndDrawn,
    find_encoder,
    make_picture_discriminator,
    train,
)
from ..augmentation import Spoilt, fade_across, soften_edges
from ..distributed import check_batch, join_world
from ..listeners import Listeners, Parts
from ..losses.adversarial import latent_distance
from ..run_folder import Network, open_run
from ..samples import draw_evaluation_clips, draw_known, evaluation_clips, in_parts, split_material

COMMAND = "finetune-adv"
_CLIPS_AT_ONCE = 8  # evaluation clips that are read together
_FADED = (0.2, 0.8)  # shares of the last frame in a cross-faded picture; beyond them it is nearly one of the ends


class TrainedInbetweener(nn.Module):
    """The network in training: all of it, or its refinement alone.

    Args:
        network: the network that checkpoints hold.
        finished: whether the auto-encoder is fixed, and only the refinement learns.
    """

    def __init__(self, network: LatentInbetweener, *, finished: bool) -> None:
        super().__init__()
        self.network = network
        self.finished = finished
        if finished:
            network.autoencoder.requires_grad_(False)

    def train(self, mode: bool = True) -> "TrainedInbetweener":
        """Sets the mode; a fixed auto-encoder stays in eval mode, so that its batch norms do not change."""
        super().train(mode)
        if self.finished:
            self.network.autoencoder.eval()
        return self

    def forward(self, first: Tensor, last: Tensor, times: Tensor) -> tuple[Tensor, Tensor]:
        """See `LatentInbetweener.forward`."""
        drawn: tuple[Tensor, Tensor] = self.network(first, last, times)
        return drawn


def finetune_adv(config: FinetuneAdvConfig, *, resume: bool = False, listeners: Listeners | None = None) -> Path:
    """Trains an auto-encoder to draw in-betweens; its checkpoints hold a `LatentInbetweener`.

    Args:
        config: all settings.
        resume: resume the run in `config.output`.
        listeners: callbacks for progress.

    Returns:
        The run's folder.

    Raises:
        AnimiError: the material, the folder, the device, the auto-encoder or the weights cannot be used, or the
            training failed.
    """
    listeners = listeners or Listeners()
    training, length, samples = config.training, config.clips.length, config.evaluation_samples
    with join_world(training.device, training.precision) as world:
        check_batch(training, world)
        learnt, unseen, notes = split_material(
            config.paths, config.unseen, config.hold_out, config.clips, samples, listeners.scan
        )
        sampler = ClipSampler(learnt, config.clips, training.batch_size, on_scan=listeners.scan)
        first, count = world.share(training.batch_size)
        evaluated = ClipSampler(unseen, evaluation_clips(config.clips), _CLIPS_AT_ONCE)
        encoder = find_encoder(config.vgg_weights, world.device, listeners) if config.health else None
        network, architecture = _open_network(config, resume)
        run = open_run(
            config.output,
            config,
            resume,
            command=COMMAND,
            writes=world.is_first,
            material=fingerprint(learnt),
        )
        run.notes += notes
        torch.manual_seed(training.seed)
        network.refine_by(_find_refinement(config))
        inbetweener = TrainedInbetweener(network, finished=config.refine == "after").train()
        discriminators = _make_discriminators(config, world.device)
        times = torch.linspace(0, 1, length, device=world.device)

        def batches() -> Iterator[tuple[int, Tensor]]:
            return load_batches(sampler.share(first, count), run.first_step, world.device, workers=training.workers)

        def draw(frames: Tensor, errors: bool) -> tuple[Mapping[str, RealAndDrawn], Parts]:
            drawn, latents = inbetweener(frames[:, 0], frames[:, -1], times)  # (N, T, 3, S, S)
            inputs = {"sequence": RealAndDrawn(frames, drawn), "image": RealAndDrawn(_between(frames), _between(drawn))}
            return inputs, _errors(config, inbetweener, frames, drawn.float(), latents) if errors else {}

        # in-betweens of some clips are compared with frames of others: near their own middle frame they are no copies
        start = draw_evaluation_clips(evaluated, samples, 0, [0, length // 2, -1])  # (E, 3, 3, S, S)
        reals = draw_evaluation_clips(evaluated, samples, samples, [length // 2])[:, 0]  # (E, 3, S, S)

        def draw_evaluation(mean: nn.Module) -> Tensor:
            return in_parts(
                lambda ends: mean(ends[:, 0], ends[:, 2], times[[length // 2]])[0][:, 0], start, world.device
            )

        def draw_sequences(mean: nn.Module) -> Tensor:
            return in_parts(lambda ends: mean(ends[:, 0], ends[:, 2], times)[0], start[: config.samples], world.device)

        def make_network(mean: nn.Module) -> Network:
            assert isinstance(mean, TrainedInbetweener)
            return Network(mean.network, architecture, mean.network.config)

        task = AdversarialTask(
            inbetweener,
            discriminators,
            draw,
            network=make_network,
            draw_evaluation=draw_evaluation,
            shown=len(start),
            draw_sequences=draw_sequences,
            pictures=length,
            measure=lambda middles: measure_middles(middles, start[:, 1], start[:, 0], start[:, 2]),
        )
        known = draw_known(learnt, unseen, config.clips, _CLIPS_AT_ONCE, samples, length // 2)
        train(task, batches(), run, training, config.nets, reals, encoder, world, listeners, known)
    return config.output


def measure_middles(drawn: Tensor, truth: Tensor, first: Tensor, last: Tensor) -> Evaluation:
    """Measures in-betweens against the true frames.

    The score is 1 - mean absolute error (in [0, 1]) - ghost score above the truth's - |1 - sharpness relative to the
    truth's|. The error alone would choose the softest network.

    Args:
        drawn: (N, 3, S, S) in [-1, 1].
        truth: the same shape; so are the ends.
        first: the frames before.
        last: the frames after.
    """
    error = l1_loss(drawn, truth).item() / 2
    ghost, allowed = (score_ghosts(pictures, first, last).mean().item() for pictures in (drawn, truth))
    pairs = zip(*([to_uint8(frame) for frame in from_tensor(x)] for x in (drawn, truth)), strict=True)
    found = [value for value in starmap(sharpness, pairs) if isfinite(value)]  # a flat truth has no sharpness
    sharp = fmean(found) if found else 1.0
    score = 1 - error - max(0.0, ghost - allowed) - abs(1 - sharp)
    metrics = {"error": error, "ghost": ghost, "ghost of the truth": allowed, "sharpness": sharp, "score": score}
    return Evaluation(
        {f"middles/{name}": value for name, value in metrics.items()},
        score,
        f"in-betweens: error {error:.3f}, ghost score {ghost:.2f} (the truth's {allowed:.2f}), sharpness {sharp:.2f} "
        "of the truth's",
    )


def _errors(
    config: FinetuneAdvConfig, inbetweener: TrainedInbetweener, frames: Tensor, drawn: Tensor, latents: Tensor
) -> Parts:
    """Computes the terms without a discriminator, weighted.

    Args:
        config: the weights.
        inbetweener: encodes the real frames between.
        frames: (N, T, 3, S, S): the real frames.
        drawn: (N, T, 3, S, S): the network's.
        latents: (N, T, C, h, w): the latents that they were drawn from.
    """
    parts: Parts = {}
    if config.reconstruction:
        parts["reconstruction"] = config.reconstruction * l1_loss(drawn[:, [0, -1]], frames[:, [0, -1]])
    if config.middles:
        parts["middles"] = config.middles * l1_loss(drawn[:, 1:-1], frames[:, 1:-1])
    if config.latent and config.refine != "after":
        encoded = inbetweener.network.encode(_between(frames))  # (N * (T - 2), C, h, w)
        parts["latent"] = config.latent * latent_distance(encoded, _between(latents))
    if config.ghost:
        between = frames.shape[1] - 2
        ends = [frames[:, end].repeat_interleave(between, 0) for end in (0, -1)]  # (N * (T - 2), 3, S, S)
        parts["ghost"] = config.ghost * ghost_penalty(_between(drawn), ends[0], ends[1], _between(frames))
    return parts


def _between(clips: Tensor) -> Tensor:
    """Takes the frames between the ends as single pictures: (N, T, ...) to (N * (T - 2), ...)."""
    return clips[:, 1:-1].flatten(0, 1)


def _make_discriminators(config: FinetuneAdvConfig, device: torch.device) -> list[Discriminator]:
    """Makes the discriminators whose weight is not 0, with the extra fakes whose weight is not 0."""
    length, nets = config.clips.length, config.nets

    def faded_clips(frames: Tensor) -> dict[str, tuple[float, Spoilt]]:
        times = torch.linspace(0, 1, length, device=device).expand(len(frames), -1)
        return {"fade": (config.fade, fade_across(frames[:, 0], frames[:, -1], times))}

    def spoilt_pictures(frames: Tensor) -> dict[str, tuple[float, Spoilt]]:
        kinds = {}
        if config.edge:
            kinds["edge"] = (config.edge, soften_edges(_between(frames)))
        if config.fade:
            low, high = _FADED
            shares = low + (high - low) * torch.rand(len(frames), length - 2, device=device)
            faded = fade_across(frames[:, 0], frames[:, -1], shares)  # (N, T - 2, 3, S, S)
            kinds["fade"] = (
                config.fade,
                Spoilt(faded.pictures.flatten(0, 1), faded.differs.repeat_interleave(length - 2)),
            )
        return kinds

    discriminators = []
    if config.sequence:
        shape = SequenceDiscriminatorConfig(config.clips.size, length, nets.width, nets.spectral_norm)
        spoil = faded_clips if config.fade else None
        discriminators.append(
            Discriminator("sequence", SequenceDiscriminator(shape), replace(nets, redraw=0.0), config.sequence, spoil)
        )
    if config.image:
        discriminators.append(
            replace(
                make_picture_discriminator(config.clips.size, nets),
                name="image",
                weight=config.image,
                spoil=spoilt_pictures,
            )
        )
    return discriminators


def _find_refinement(config: FinetuneAdvConfig) -> RefinementConfig | None:
    """The config of the refinement network; None: there is none."""
    if config.refine == "none":
        return None
    return RefinementConfig(config.refine_width, scale=2 if config.double else 1)


def _open_network(config: FinetuneAdvConfig, resume: bool) -> tuple[LatentInbetweener, str]:
    """Opens the network to start from: the given auto-encoder or, for a resumed run, its own checkpoint.

    Returns:
        The network, and the name of its architecture.

    Raises:
        CheckpointError: it cannot be read, or is no auto-encoder.
        ConfigError: it cannot draw pictures of the size.
    """
    path = find_checkpoint(config.output if resume and find_states(config.output) else config.init)
    module, header = load_checkpoint(path, torch.device("cpu"))
    if not isinstance(module, LatentInbetweener):
        raise CheckpointError(
            f"{path}: holds a network {header.architecture!r}, which is no auto-encoder; give one of pretrain-ae"
        )
    multiple = module.multiple // module.scale * (2 if config.double else 1)
    if config.clips.size % multiple:
        raise ConfigError(
            f"--size: {config.clips.size} is no multiple of {multiple}, as this auto-encoder needs; give a larger one"
        )
    return module, header.architecture

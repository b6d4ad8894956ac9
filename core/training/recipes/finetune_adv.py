"""`animi finetune-adv`: an auto-encoder learns to draw the frames between, by going from one latent to another.

The two ends of a clip are encoded, the latents between them lie on a straight way (or a great circle, as the
auto-encoder's config says), and all are decoded. The terms, each with a weight of its own:

    reconstruction   mean absolute error at the ends: it stays an auto-encoder
    middles          the same between them; alone it fades one end out and the other in, the mean of all motions
    sequence         a discriminator of whole clips: the motion is one that is seen in films
    image            a discriminator of single in-betweens: they are drawings
    latent           distance of the latents drawn from to those of the real frames: the straight way is the motion
    edge             softened drawings are fakes too, so that soft lines do not pass (CartoonGAN)
    fade             cross-faded ends are fakes too, as pictures and as clips
    ghost            how much more of a cross-fade the in-betweens are than the real frames

A refinement network may learn together with the auto-encoder ("joint") or behind one that stays as it is ("after").
All terms then hold what it makes of the decoded frames against the real ones, at twice the size where it doubles. For a
quarter of the pictures it is not shown the key frames, so that it can be used where there are none.
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
from ...measures.ghost import ghost_penalty, ghost_score
from ...measures.metrics import sharpness
from ...media.frames import from_tensor, to_uint8
from ...weights.checkpoint import load_checkpoint
from ...weights.find import find_checkpoint, find_states
from .. import samples
from ..adversarial import Duel, Judge, Look, Shown, find_encoder, judge_pictures, train
from ..augmentation import Spoilt, fade_across, soften_edges
from ..distributed import check_batch, join_world
from ..listeners import Listeners, Parts
from ..losses.adversarial import latent_distance
from ..run_folder import Network, open_run
from ..samples import draw_look, in_parts, looking_clips, part_material

COMMAND = "finetune-adv"
_CLIPS_AT_ONCE = 8  # read together for a look
_FADED = (0.2, 0.8)  # shares of the last frame in a cross-faded picture: nearer the ends it is hardly one


class Drawing(nn.Module):
    """The network as it is trained.

    Args:
        network: what a checkpoint holds.
        finished: whether the auto-encoder stays as it is.
    """

    def __init__(self, network: LatentInbetweener, *, finished: bool) -> None:
        super().__init__()
        self.network = network
        self.finished = finished
        if finished:
            network.autoencoder.requires_grad_(False)

    def train(self, mode: bool = True) -> "Drawing":
        """A finished auto-encoder stays in eval mode: its batch norms look no more."""
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
        resume: go on with the run in `config.output`.
        listeners: who is told how it goes.

    Returns:
        The run's folder.

    Raises:
        AnimiError: the material, the folder, the device, the auto-encoder or the weights cannot be used, or the
            training failed.
    """
    listeners = listeners or Listeners()
    training, length = config.training, config.clips.length
    with join_world(training.device, training.precision) as world:
        check_batch(training, world)
        learnt, unseen, notes = part_material(
            config.paths, config.unseen, config.hold_out, config.clips, listeners.look
        )
        sampler = ClipSampler(learnt, config.clips, training.batch_size, on_look=listeners.look)
        first, count = world.share(training.batch_size)
        looked = ClipSampler(unseen, looking_clips(config.clips), _CLIPS_AT_ONCE)
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
        drawing = Drawing(network, finished=config.refine == "after").train()
        judges = _make_judges(config, world.device)
        times = torch.linspace(0, 1, length, device=world.device)

        def batches() -> Iterator[tuple[int, Tensor]]:
            return load_batches(sampler.share(first, count), run.first_step, world.device, workers=training.workers)

        def pair(frames: Tensor, errors: bool) -> tuple[Mapping[str, Shown], Parts]:
            drawn, latents = drawing(frames[:, 0], frames[:, -1], times)  # (N, T, 3, S, S)
            shown = {"sequence": Shown(frames, drawn), "image": Shown(_between(frames), _between(drawn))}
            return shown, _errors(config, drawing, frames, drawn.float(), latents) if errors else {}

        # drawn for some clips, and health compares them with others: the frame that was to be drawn is near by right
        start = draw_look(looked, 0, [0, length // 2, -1])  # (LOOKED_AT, 3, 3, S, S)
        reals = draw_look(looked, samples.LOOKED_AT, [length // 2])[:, 0]  # (LOOKED_AT, 3, S, S)

        def fakes(mean: nn.Module) -> Tensor:
            return in_parts(
                lambda ends: mean(ends[:, 0], ends[:, 2], times[[length // 2]])[0][:, 0], start, world.device
            )

        def moving(mean: nn.Module) -> Tensor:
            return in_parts(lambda ends: mean(ends[:, 0], ends[:, 2], times)[0], start[: config.samples], world.device)

        def kept(mean: nn.Module) -> Network:
            assert isinstance(mean, Drawing)
            return Network(mean.network, architecture, mean.network.config)

        duel = Duel(
            drawing,
            judges,
            pair,
            kept,
            fakes,
            len(start),
            moving,
            length,
            lambda middles: measure_middles(middles, start[:, 1], start[:, 0], start[:, 2]),
        )
        known = None
        if unseen is not learnt:
            known = draw_look(ClipSampler(learnt, looking_clips(config.clips), _CLIPS_AT_ONCE), 0, [length // 2])[:, 0]
        train(duel, batches(), run, training, config.nets, reals, encoder, world, listeners, known)
    return config.output


def measure_middles(drawn: Tensor, truth: Tensor, first: Tensor, last: Tensor) -> Look:
    """Measures in-betweens against the true ones.

    The score that the best checkpoint is chosen by is 1 minus the mean absolute error (of [0, 1]), minus the ghost
    score that exceeds the truth's, minus how far the sharpness is from the truth's: the error alone would choose the
    softest.

    Args:
        drawn: (N, 3, S, S) in [-1, 1].
        truth: the same shape; so are the ends.
        first: the frames before.
        last: the frames after.
    """
    error = l1_loss(drawn, truth).item() / 2
    ghost, allowed = (ghost_score(pictures, first, last).mean().item() for pictures in (drawn, truth))
    pairs = zip(*([to_uint8(frame) for frame in from_tensor(x)] for x in (drawn, truth)), strict=True)
    found = [value for value in starmap(sharpness, pairs) if isfinite(value)]  # a flat truth has no sharpness
    sharp = fmean(found) if found else 1.0
    score = 1 - error - max(0.0, ghost - allowed) - abs(1 - sharp)
    metrics = {"error": error, "ghost": ghost, "ghost of the truth": allowed, "sharpness": sharp, "score": score}
    return Look(
        {f"middles/{name}": value for name, value in metrics.items()},
        score,
        f"in-betweens: error {error:.3f}, ghost score {ghost:.2f} (the truth's {allowed:.2f}), sharpness {sharp:.2f} "
        "of the truth's",
    )


def _errors(config: FinetuneAdvConfig, drawing: Drawing, frames: Tensor, drawn: Tensor, latents: Tensor) -> Parts:
    """The terms that need no discriminator, weighted.

    Args:
        config: the weights.
        drawing: encodes the real frames between.
        frames: (N, T, 3, S, S) as they are.
        drawn: (N, T, 3, S, S).
        latents: (N, T, C, h, w) that they were drawn from.
    """
    parts: Parts = {}
    if config.reconstruction:
        parts["reconstruction"] = config.reconstruction * l1_loss(drawn[:, [0, -1]], frames[:, [0, -1]])
    if config.middles:
        parts["middles"] = config.middles * l1_loss(drawn[:, 1:-1], frames[:, 1:-1])
    if config.latent and config.refine != "after":
        encoded = drawing.network.encode(_between(frames))  # (N * (T - 2), C, h, w)
        parts["latent"] = config.latent * latent_distance(encoded, _between(latents))
    if config.ghost:
        between = frames.shape[1] - 2
        ends = [frames[:, end].repeat_interleave(between, 0) for end in (0, -1)]  # (N * (T - 2), 3, S, S)
        parts["ghost"] = config.ghost * ghost_penalty(_between(drawn), ends[0], ends[1], _between(frames))
    return parts


def _between(clips: Tensor) -> Tensor:
    """All but the ends, as single pictures: (N, T, ...) to (N * (T - 2), ...)."""
    return clips[:, 1:-1].flatten(0, 1)


def _make_judges(config: FinetuneAdvConfig, device: torch.device) -> list[Judge]:
    """The discriminators that have a weight, with the further fakes that have one."""
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

    judges = []
    if config.sequence:
        shape = SequenceDiscriminatorConfig(config.clips.size, length, nets.width, nets.spectral_norm)
        spoil = faded_clips if config.fade else None
        judges.append(
            Judge("sequence", SequenceDiscriminator(shape), replace(nets, redraw=0.0), config.sequence, spoil)
        )
    if config.image:
        judges.append(
            replace(judge_pictures(config.clips.size, nets), name="image", weight=config.image, spoil=spoilt_pictures)
        )
    return judges


def _find_refinement(config: FinetuneAdvConfig) -> RefinementConfig | None:
    """The refinement that is wanted."""
    if config.refine == "none":
        return None
    return RefinementConfig(config.refine_width, scale=2 if config.double else 1)


def _open_network(config: FinetuneAdvConfig, resume: bool) -> tuple[LatentInbetweener, str]:
    """What is begun with: the auto-encoder that was given, or, where a run goes on, its own checkpoint.

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

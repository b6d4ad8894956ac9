"""`animi train-noise`: a generator that draws pictures like those of one cartoon or several, from noise alone."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ....models.blocks import init_batch_norms
from ....models.sle import NoiseGenerator, NoiseGeneratorConfig
from ...config.training import TrainNoiseConfig
from ...material.films import fingerprint
from ...material.loading import load_images
from ...material.sampler import ClipSampler
from .. import samples
from ..adversarial import Duel, Shown, find_encoder, judge_pictures, train
from ..distributed import check_batch, join_world
from ..listeners import Listeners, Parts
from ..loop import draw_noise
from ..run_folder import Network, open_run
from ..samples import draw_look, in_parts, looking_clips, part_material

COMMAND = "train-noise"
_LOOKS = 1 << 32  # a number of batch that no training comes to: the looks' latents are their own


class _Sample(NamedTuple):
    pictures: Tensor
    """(N, 3, S, S) in [-1, 1]."""
    latents: Tensor
    """(N, latent_dim)."""


def train_noise(config: TrainNoiseConfig, *, resume: bool = False, listeners: Listeners | None = None) -> Path:
    """Trains a `NoiseGenerator`.

    Args:
        config: all settings.
        resume: go on with the run in `config.output`.
        listeners: who is told how it goes.

    Returns:
        The run's folder.

    Raises:
        AnimiError: the material, the folder, the device or the weights cannot be used, or the training failed.
    """
    listeners = listeners or Listeners()
    training = config.training
    with join_world(training.device, training.precision) as world:
        check_batch(training, world)
        learnt, unseen, notes = part_material(
            config.paths, config.unseen, config.hold_out, config.clips, listeners.look
        )
        sampler = ClipSampler(learnt, config.clips, training.batch_size, on_look=listeners.look)
        first, count = world.share(training.batch_size)
        looked = ClipSampler(unseen, looking_clips(config.clips), samples.LOOKED_AT)
        encoder = find_encoder(config.vgg_weights, world.device, listeners) if config.health else None
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
        nets = config.nets
        shape = NoiseGeneratorConfig(config.clips.size, config.latent_dim, nets.width, nets.spectral_norm)
        generator = NoiseGenerator(shape)
        init_batch_norms(generator, nets.bn_init)
        judge = judge_pictures(config.clips.size, config.nets)
        looks = draw_noise(config.latent_dim, training.seed, _LOOKS, max(samples.LOOKED_AT, config.samples))

        def batches() -> Iterator[tuple[int, _Sample]]:
            mine = sampler.share(first, count)
            for step, pictures in load_images(mine, run.first_step, world.device, workers=training.workers):
                latents = draw_noise(config.latent_dim, training.seed, step, count, first)
                yield step, _Sample(pictures, latents.to(world.device))

        def pair(batch: _Sample, _errors: bool) -> tuple[Mapping[str, Shown], Parts]:
            return {judge.name: Shown(batch.pictures, generator(batch.latents))}, {}

        def fakes(mean: nn.Module) -> Tensor:
            return in_parts(mean, looks, world.device)

        duel = Duel(generator, [judge], pair, lambda mean: Network(mean, "noise-sle", shape), fakes, config.samples)
        reals = draw_look(looked, 0, [0])[:, 0]  # (LOOKED_AT, 3, S, S)
        known = None
        if unseen is not learnt:
            known = draw_look(ClipSampler(learnt, looking_clips(config.clips), samples.LOOKED_AT), 0, [0])[:, 0]
        train(duel, batches(), run, training, config.nets, reals, encoder, world, listeners, known)
    return config.output

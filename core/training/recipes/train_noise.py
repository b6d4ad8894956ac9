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
from ..adversarial import AdversarialTask, RealAndDrawn, find_encoder, make_picture_discriminator, train
from ..distributed import check_batch, join_world
from ..listeners import Listeners, Parts
from ..loop import draw_noise
from ..run_folder import Network, open_run
from ..samples import draw_evaluation_clips, draw_known, evaluation_clips, in_parts, split_material

COMMAND = "train-noise"
_EVALUATION = 1 << 32  # a step that no training reaches: evaluations draw their latents with its random numbers


class _Sample(NamedTuple):
    pictures: Tensor
    """(N, 3, S, S) in [-1, 1]."""
    latents: Tensor
    """(N, latent_dim)."""


def train_noise(config: TrainNoiseConfig, *, resume: bool = False, listeners: Listeners | None = None) -> Path:
    """Trains a `NoiseGenerator`.

    Args:
        config: all settings.
        resume: resume the run in `config.output`.
        listeners: callbacks for progress.

    Returns:
        The run's folder.

    Raises:
        AnimiError: the material, the folder, the device or the weights cannot be used, or the training failed.
    """
    listeners = listeners or Listeners()
    training, samples = config.training, config.evaluation_samples
    with join_world(training.device, training.precision) as world:
        check_batch(training, world)
        learnt, unseen, notes = split_material(
            config.paths, config.unseen, config.hold_out, config.clips, samples, listeners.scan
        )
        sampler = ClipSampler(learnt, config.clips, training.batch_size, on_scan=listeners.scan)
        first, count = world.share(training.batch_size)
        evaluated = ClipSampler(unseen, evaluation_clips(config.clips), samples)
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
        discriminator = make_picture_discriminator(config.clips.size, config.nets)
        latents = draw_noise(config.latent_dim, training.seed, _EVALUATION, max(samples, config.samples))

        def batches() -> Iterator[tuple[int, _Sample]]:
            mine = sampler.share(first, count)
            for step, pictures in load_images(mine, run.first_step, world.device, workers=training.workers):
                noise = draw_noise(config.latent_dim, training.seed, step, count, first)
                yield step, _Sample(pictures, noise.to(world.device))

        def draw(batch: _Sample, _errors: bool) -> tuple[Mapping[str, RealAndDrawn], Parts]:
            return {discriminator.name: RealAndDrawn(batch.pictures, generator(batch.latents))}, {}

        def draw_evaluation(mean: nn.Module) -> Tensor:
            return in_parts(mean, latents, world.device)

        task = AdversarialTask(
            generator,
            [discriminator],
            draw,
            network=lambda mean: Network(mean, "noise-sle", shape),
            draw_evaluation=draw_evaluation,
            shown=config.samples,
        )
        reals = draw_evaluation_clips(evaluated, samples, 0, [0])[:, 0]  # (E, 3, S, S)
        known = draw_known(learnt, unseen, config.clips, samples, samples, 0)
        train(task, batches(), run, training, config.nets, reals, encoder, world, listeners, known)
    return config.output

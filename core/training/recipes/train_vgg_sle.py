"""`animi train-vgg-sle`: a generator that draws a clip's frames from VGG16's latents of its two ends.

The first and the last frame are encoded by VGG16, whose weights are fixed; the latents between them are interpolated on
the great circle (slerp). The generator draws all frames from these latents. Its losses are the mean absolute error of
the two ends, and the score of a discriminator of single pictures: of all frames, or of all but the ends.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from ....models.blocks import init_batch_norms, slerp
from ....models.sle import LatentGenerator, VggSleConfig, VggSleInbetweener
from ...config.training import TrainVggSleConfig
from ...material.films import fingerprint
from ...material.loading import load_batches
from ...material.sampler import ClipSampler
from ...weights.vgg import load_vgg
from ..adversarial import AdversarialTask, RealAndDrawn, make_picture_discriminator, train
from ..distributed import check_batch, join_world
from ..listeners import Listeners, Parts
from ..loop import choose_precision
from ..run_folder import Network, open_run
from ..samples import draw_evaluation_clips, draw_known, evaluation_clips, in_parts, split_material

COMMAND = "train-vgg-sle"
_CLIPS_AT_ONCE = 8  # evaluation clips that are read together
_MOST_KEPT = 1 << 30  # bytes of latents in the cache


class _Sample(NamedTuple):
    frames: Tensor
    """(N, T, 3, S, S) in [-1, 1]."""
    latents: Tensor
    """(N, T, 512, S/32, S/32): of the ends, and interpolated between them."""


class KeptLatents:
    """Encodes pictures, with a cache for those that come again.

    Pictures are encoded one by one, as a convolution may add in another order in a larger batch. So a latent is the
    same bit for bit whether it comes from the cache or not, and a resumed run, which begins with an empty cache,
    repeats the run exactly.
    """

    def __init__(self, encode: Callable[[Tensor], Tensor], most: int = _MOST_KEPT) -> None:
        """Starts with an empty cache.

        Args:
            encode: maps (N, 3, S, S) to (N, ...).
            most: size of the cache in bytes; when it is full, other pictures are encoded each time.
        """
        self._encode, self._left = encode, most
        self._kept: dict[Hashable, Tensor] = {}

    def __call__(self, picture: Tensor, name: Hashable) -> Tensor:
        """Encodes a picture (3, S, S) to latents (...); `name` identifies the picture in the cache."""
        known = self._kept.get(name)
        if known is None:
            known = self._encode(picture[None])[0]  # (...)
            if known.nbytes <= self._left:
                self._left -= known.nbytes
                self._kept[name] = known
        return known


def train_vgg_sle(config: TrainVggSleConfig, *, resume: bool = False, listeners: Listeners | None = None) -> Path:
    """Trains a `LatentGenerator`; its checkpoints hold a `VggSleInbetweener`.

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
    training, length, samples = config.training, config.clips.length, config.evaluation_samples
    middle = slice(1, -1) if config.judged == "middle" else slice(None)
    with join_world(training.device, training.precision) as world:
        check_batch(training, world)
        learnt, unseen, notes = split_material(
            config.paths, config.unseen, config.hold_out, config.clips, samples, listeners.scan
        )
        sampler = ClipSampler(learnt, config.clips, training.batch_size, on_scan=listeners.scan)
        first, count = world.share(training.batch_size)
        evaluated = ClipSampler(unseen, evaluation_clips(config.clips), _CLIPS_AT_ONCE)
        encoder = load_vgg(config.vgg_weights, world.device)
        if training.channels_last:
            encoder.to(memory_format=torch.channels_last)
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
        shape = VggSleConfig(config.nets.width, config.nets.spectral_norm)
        generator = LatentGenerator(shape)
        init_batch_norms(generator, config.nets.bn_init)
        discriminator = make_picture_discriminator(config.clips.size, config.nets)
        times = torch.linspace(0, 1, length, device=world.device)
        precision = choose_precision(training.precision, world.device)

        @torch.no_grad()
        def encode(pictures: Tensor) -> Tensor:
            """VGG16's latents: (N, 3, S, S) to (N, 512, S/32, S/32)."""
            with torch.autocast(world.device.type, precision, enabled=precision != torch.float32):
                latents: Tensor = encoder(pictures).float()
            return latents

        def encode_clips(ends: Tensor) -> Tensor:
            """Latents of clips from their two ends: (N, 2, 3, S, S) to (N, T, 512, S/32, S/32)."""
            latents = encode(torch.cat([ends[:, 0], ends[:, 1]]))  # (2N, 512, S/32, S/32)
            return slerp(latents[: len(ends)], latents[len(ends) :], times)

        # on a CPU, VGG16 takes most of a small network's step; on a GPU it costs little
        keeps = sampler.repeats and world.device.type == "cpu"
        remember = KeptLatents(encode)

        def batches() -> Iterator[tuple[int, _Sample]]:
            mine = sampler.share(first, count)
            for step, frames in load_batches(mine, run.first_step, world.device, workers=training.workers):
                if not keeps:
                    yield step, _Sample(frames, encode_clips(frames[:, [0, -1]]))
                    continue
                clips = mine.clips(step)
                start, end = (
                    torch.stack(
                        [remember(drawn[at], clip.picture(at)) for drawn, clip in zip(frames, clips, strict=True)]
                    )
                    for at in (0, -1)
                )  # twice (N, 512, S/32, S/32)
                yield step, _Sample(frames, slerp(start, end, times))

        def draw(batch: _Sample, _errors: bool) -> tuple[Mapping[str, RealAndDrawn], Parts]:
            drawn = generator(batch.latents.flatten(0, 1)).unflatten(0, batch.latents.shape[:2])  # (N, T, 3, S, S)
            ends = l1_loss(drawn[:, [0, -1]].float(), batch.frames[:, [0, -1]])
            inputs = RealAndDrawn(batch.frames[:, middle].flatten(0, 1), drawn[:, middle].flatten(0, 1))
            return {discriminator.name: inputs}, {"ends": config.ends * ends}

        # in-betweens of some clips are compared with frames of others: near their own middle frame they are no copies
        start = draw_evaluation_clips(evaluated, samples, 0, [0, -1])  # (E, 2, 3, S, S)
        parts = start.split(_CLIPS_AT_ONCE)  # type: ignore[no-untyped-call]
        latents = torch.cat([encode_clips(part.to(world.device)).cpu() for part in parts])  # (E, T, 512, …)
        reals = draw_evaluation_clips(evaluated, samples, samples, [length // 2])[:, 0]  # (E, 3, S, S)
        clips = latents[: config.samples]  # (samples, T, 512, S/32, S/32)

        def draw_evaluation(mean: nn.Module) -> Tensor:
            return in_parts(mean, latents[:, length // 2], world.device)

        def draw_sequences(mean: nn.Module) -> Tensor:
            drawn = in_parts(mean, clips.flatten(0, 1), world.device)  # (samples * T, 3, S, S)
            return drawn.reshape(*clips.shape[:2], *drawn.shape[1:])  # (samples, T, 3, S, S)

        def network(mean: nn.Module) -> Network:
            assert isinstance(mean, LatentGenerator)
            return Network(VggSleInbetweener(shape, encoder, mean), "vgg-sle", shape)

        task = AdversarialTask(
            generator,
            [discriminator],
            draw,
            network=network,
            draw_evaluation=draw_evaluation,
            shown=len(start),
            draw_sequences=draw_sequences,
            pictures=length,
        )
        known = draw_known(learnt, unseen, config.clips, _CLIPS_AT_ONCE, samples, length // 2)
        train(task, batches(), run, training, config.nets, reals, encoder, world, listeners, known)
    return config.output

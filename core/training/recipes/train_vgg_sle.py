"""`animi train-vgg-sle`: a generator that draws a clip's frames from VGG16's latents of its two ends.

The latents of the first and the last frame are VGG16's, which stays as it is; those between lie on the great circle
from one to the other (slerp). The generator draws all frames. The two ends it must draw as they are (L1); all of them,
or all but the ends, must pass a discriminator of single pictures.
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
from .. import samples
from ..adversarial import Duel, Shown, judge_pictures, train
from ..distributed import check_batch, join_world
from ..listeners import Listeners, Parts
from ..loop import choose_precision
from ..run_folder import Network, open_run
from ..samples import draw_look, in_parts, looking_clips, part_material

COMMAND = "train-vgg-sle"
_CLIPS_AT_ONCE = 8  # read together for a look
_MOST_KEPT = 1 << 30  # bytes of latents that are kept, to encode no frame twice


class _Sample(NamedTuple):
    frames: Tensor
    """(N, T, 3, S, S) in [-1, 1]."""
    latents: Tensor
    """(N, T, 512, S/32, S/32): of the ends, and those between."""


class KeptLatents:
    """Encodes pictures, and keeps the latents of those that come again.

    Each is encoded by itself, never in company, as the sums within a convolution may be done in another order for
    another number of pictures: so a latent is the same bit for bit whether it was kept or not, and a run that is gone
    on with, which has kept none, goes on exactly.
    """

    def __init__(self, encode: Callable[[Tensor], Tensor], most: int = _MOST_KEPT) -> None:
        """Begins with none.

        Args:
            encode: (N, 3, S, S) to (N, ...).
            most: bytes to keep; what comes later is encoded each time.
        """
        self._encode, self._left = encode, most
        self._kept: dict[Hashable, Tensor] = {}

    def __call__(self, picture: Tensor, name: Hashable) -> Tensor:
        """The latents (...) of a picture (3, S, S); `name` tells it from all others."""
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
        resume: go on with the run in `config.output`.
        listeners: who is told how it goes.

    Returns:
        The run's folder.

    Raises:
        AnimiError: the material, the folder, the device or the weights cannot be used, or the training failed.
    """
    listeners = listeners or Listeners()
    training, length = config.training, config.clips.length
    middle = slice(1, -1) if config.judged == "middle" else slice(None)
    with join_world(training.device, training.precision) as world:
        check_batch(training, world)
        learnt, unseen, notes = part_material(
            config.paths, config.unseen, config.hold_out, config.clips, listeners.look
        )
        sampler = ClipSampler(learnt, config.clips, training.batch_size, on_look=listeners.look)
        first, count = world.share(training.batch_size)
        looked = ClipSampler(unseen, looking_clips(config.clips), _CLIPS_AT_ONCE)
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
        judge = judge_pictures(config.clips.size, config.nets)
        times = torch.linspace(0, 1, length, device=world.device)
        precision = choose_precision(training.precision, world.device)

        @torch.no_grad()
        def encode(pictures: Tensor) -> Tensor:
            """VGG16's latents: (N, 3, S, S) to (N, 512, S/32, S/32)."""
            with torch.autocast(world.device.type, precision, enabled=precision != torch.float32):
                latents: Tensor = encoder(pictures).float()
            return latents

        def encode_clips(ends: Tensor) -> Tensor:
            """Latents of whole clips, of their two ends: (N, 2, 3, S, S) to (N, T, 512, S/32, S/32)."""
            latents = encode(torch.cat([ends[:, 0], ends[:, 1]]))  # (2N, 512, S/32, S/32)
            return slerp(latents[: len(ends)], latents[len(ends) :], times)

        # on a CPU most of a small network's step is VGG16; a GPU does it in passing
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

        def pair(batch: _Sample, _errors: bool) -> tuple[Mapping[str, Shown], Parts]:
            drawn = generator(batch.latents.flatten(0, 1)).unflatten(0, batch.latents.shape[:2])  # (N, T, 3, S, S)
            ends = l1_loss(drawn[:, [0, -1]].float(), batch.frames[:, [0, -1]])
            shown = Shown(batch.frames[:, middle].flatten(0, 1), drawn[:, middle].flatten(0, 1))
            return {judge.name: shown}, {"ends": config.ends * ends}

        # drawn for some clips, and compared with others: the frame that was to be drawn is near by right
        start = draw_look(looked, 0, [0, -1])  # (LOOKED_AT, 2, 3, S, S)
        parts = start.split(_CLIPS_AT_ONCE)  # type: ignore[no-untyped-call]
        latents = torch.cat([encode_clips(part.to(world.device)).cpu() for part in parts])  # (LOOKED_AT, T, 512, …)
        reals = draw_look(looked, samples.LOOKED_AT, [length // 2])[:, 0]  # (LOOKED_AT, 3, S, S)
        clips = latents[: config.samples]  # (samples, T, 512, S/32, S/32)

        def fakes(mean: nn.Module) -> Tensor:
            return in_parts(mean, latents[:, length // 2], world.device)

        def moving(mean: nn.Module) -> Tensor:
            drawn = in_parts(mean, clips.flatten(0, 1), world.device)  # (samples * T, 3, S, S)
            return drawn.reshape(*clips.shape[:2], *drawn.shape[1:])  # (samples, T, 3, S, S)

        def network(mean: nn.Module) -> Network:
            assert isinstance(mean, LatentGenerator)
            return Network(VggSleInbetweener(shape, encoder, mean), "vgg-sle", shape)

        duel = Duel(generator, [judge], pair, network, fakes, len(start), moving, length)
        known = None
        if unseen is not learnt:
            known = draw_look(ClipSampler(learnt, looking_clips(config.clips), _CLIPS_AT_ONCE), 0, [length // 2])[:, 0]
        train(duel, batches(), run, training, config.nets, reals, encoder, world, listeners, known)
    return config.output

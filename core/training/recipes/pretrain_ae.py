"""`animi pretrain-ae`: an auto-encoder that redraws single pictures, which `animi finetune-adv` begins with.

It lowers the mean absolute error, and nothing else. What it has come to is measured at every look on frames that it
does not learn from: stretches of each film that are held out, or other films.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import nan
from pathlib import Path
from statistics import fmean

import torch
from torch import Tensor
from torch.nn.functional import l1_loss

from ....models.autoencoder import (
    AutoEncoder,
    DeepAutoEncoder,
    DeepAutoEncoderConfig,
    PlainAutoEncoder,
    PlainAutoEncoderConfig,
)
from ....models.latent_inbetweener import LatentInbetweener
from ...config.training import PretrainAeConfig
from ...material.films import Material, describe_enlarged, fingerprint, hold_out, open_material
from ...material.loading import load_images
from ...material.sampler import ClipSampler
from ...measures.metrics import Picture, line_distance, psnr
from ...measures.perceptual import PerceptualDistance
from ...media.frames import from_tensor, to_uint8
from ..adversarial import Look
from ..distributed import check_batch, join_world
from ..listeners import Listeners, Parts
from ..loop import Ema, Hooks, Phase, fit, make_adam, place_module
from ..run_folder import Network, open_run
from ..samples import draw_look, in_parts, looking_clips
from ..state import State

COMMAND = "pretrain-ae"
_PICTURES_AT_ONCE = 16  # read together for a look
_WARM_UP = 100  # steps in which the learning rate rises: at its full height the first few can leave tanh saturated


def pretrain_ae(config: PretrainAeConfig, *, resume: bool = False, listeners: Listeners | None = None) -> Path:
    """Trains an auto-encoder; its checkpoints hold a `LatentInbetweener`.

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
        learnt, unseen = _open_material(config)
        sampler = ClipSampler(learnt, config.clips, training.batch_size)
        first, count = world.share(training.batch_size)
        looked = ClipSampler(unseen, looking_clips(replace(config.clips, weights=None)), _PICTURES_AT_ONCE)
        distance = None if config.alex_weights is None else PerceptualDistance("alex", config.alex_weights)
        run = open_run(
            config.output,
            config,
            resume,
            command=COMMAND,
            writes=world.is_first,
            material=fingerprint(learnt),
        )
        enlarged = describe_enlarged(learnt, config.clips.size)
        run.notes += [] if enlarged is None else [enlarged]
        torch.manual_seed(training.seed)
        architecture, shape, coder = _make_autoencoder(config)
        place_module(coder, training, world)
        ema = Ema(coder, training.ema)
        drawn_with = Network(LatentInbetweener(shape, ema.module).eval(), architecture, shape)
        truth = draw_look(looked, 0, [0])[:, 0]  # (LOOKED_AT, 3, S, S)
        if run.first_step == 0:
            run.show_reals(truth[: config.samples])

        def learn(pictures: Tensor, _step: int) -> tuple[Tensor, Parts]:
            return l1_loss(coder(pictures).float(), pictures), {}

        @torch.no_grad()
        def sample(step: int) -> None:
            if not world.is_first:
                return
            redrawn = in_parts(ema.module, truth, world.device)
            look = measure_reconstructions(redrawn, truth, distance)
            run.log(step, look.metrics)
            run.sample(step, torch.cat([truth, redrawn], 3)[: config.samples], "reconstructions")
            run.save_best(step, look.score, drawn_with)
            listeners.tell(f"step {step}: {look.sentence}")

        def save(step: int, state: State) -> None:
            run.save(step, state, drawn_with, training.keep)

        def warn(sentence: str) -> None:
            listeners.tell(sentence)
            run.log(run.first_step, {"warning": sentence})

        for sentence in run.notes:
            listeners.tell(sentence)
        listeners.count({"autoencoder": coder})
        phase = Phase("autoencoder", coder, make_adam(coder.parameters(), config.rate), learn, schedule=warm_up)
        try:
            fit(
                [phase],
                load_images(sampler.share(first, count), run.first_step, world.device, workers=training.workers),
                training,
                Hooks(
                    after_step=ema.update,
                    advance=listeners.advance,
                    report=run.log,
                    sample=sample,
                    save=save,
                    warn=warn,
                ),
                state=run.state,
                also={"ema": ema.module},
                world=world,
            )
        finally:
            run.close()
    return config.output


def warm_up(step: int) -> float:
    """What the learning rate is multiplied by at a step, counted from 0."""
    return min(1.0, (step + 1) / _WARM_UP)


def measure_reconstructions(redrawn: Tensor, truth: Tensor, distance: PerceptualDistance | None = None) -> Look:
    """Measures redrawn pictures against what they were; means over all. PSNR chooses the best checkpoint.

    Args:
        redrawn: (N, 3, S, S) in [-1, 1], on the CPU.
        truth: the same shape.
        distance: measures LPIPS; None: it is not measured.
    """
    drawn, wanted = _to_pictures(redrawn), _to_pictures(truth)
    pairs = list(zip(drawn, wanted, strict=True))
    metrics = {"psnr": fmean(psnr(*pair) for pair in pairs), "lines": fmean(line_distance(*pair) for pair in pairs)}
    told = f"PSNR {metrics['psnr']:.2f} dB, line distance {1e5 * metrics['lines']:.1f}"
    found = nan if distance is None else fmean(distance(drawn, wanted))
    if found == found:  # it is not a number where pictures are too small for it
        metrics["lpips"] = found
        told += f", LPIPS {found:.4f}"
    return Look(
        {f"reconstruction/{name}": value for name, value in metrics.items()},
        metrics["psnr"],
        f"unseen frames redrawn: {told}",
    )


def _to_pictures(batch: Tensor) -> Sequence[Picture]:
    return [to_uint8(frame) for frame in from_tensor(batch)]


def _open_material(config: PretrainAeConfig) -> tuple[Material, Material]:
    """What is learnt from, and what is looked at.

    Raises:
        InputError: a folder holds nothing of use, or films are too short to hold frames out.
    """
    material = open_material(config.paths)
    if config.unseen:
        return material, open_material(config.unseen)
    return hold_out(material, config.hold_out)


def _make_autoencoder(config: PretrainAeConfig) -> tuple[str, PlainAutoEncoderConfig, AutoEncoder]:
    """An untrained net, with the name and the config of the architecture it belongs to."""
    shape = (config.width, config.latent, config.halvings, config.between)
    if config.net == "plain":
        plain = PlainAutoEncoderConfig(*shape)
        return "plain-autoencoder", plain, PlainAutoEncoder(plain)
    deep = DeepAutoEncoderConfig(*shape, depth=config.depth)
    return "deep-autoencoder", deep, DeepAutoEncoder(deep)

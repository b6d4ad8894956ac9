"""`animi pretrain-ae`: an auto-encoder that redraws single pictures, which `animi finetune-adv` begins with.

The loss is the mean absolute error. Every evaluation measures reconstructions of frames that are not trained on:
stretches of each film that are held out, or other films.
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
from ..adversarial import Evaluation
from ..distributed import check_batch, join_world
from ..listeners import Listeners, Parts
from ..loop import Ema, Hooks, Phase, fit, make_adam, place_module
from ..run_folder import Network, open_run
from ..samples import draw_evaluation_clips, evaluation_clips, in_parts
from ..state import State

COMMAND = "pretrain-ae"
_PICTURES_AT_ONCE = 16  # evaluation pictures that are read together
_WARM_UP = 100  # steps in which the learning rate rises: the first few at the full rate can leave tanh saturated


def pretrain_ae(config: PretrainAeConfig, *, resume: bool = False, listeners: Listeners | None = None) -> Path:
    """Trains an auto-encoder; its checkpoints hold a `LatentInbetweener`.

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
    training = config.training
    with join_world(training.device, training.precision) as world:
        check_batch(training, world)
        learnt, unseen = _open_material(config)
        sampler = ClipSampler(learnt, config.clips, training.batch_size)
        first, count = world.share(training.batch_size)
        evaluated = ClipSampler(unseen, evaluation_clips(replace(config.clips, weights=None)), _PICTURES_AT_ONCE)
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
        truth = draw_evaluation_clips(evaluated, config.evaluation_samples, 0, [0])[:, 0]  # (E, 3, S, S)
        if run.first_step == 0:
            run.show_reals(truth[: config.samples])

        def learn(pictures: Tensor, _step: int) -> tuple[Tensor, Parts]:
            return l1_loss(coder(pictures).float(), pictures), {}

        @torch.no_grad()
        def sample(step: int) -> None:
            if not world.is_first:
                return
            redrawn = in_parts(ema.module, truth, world.device)
            evaluation = measure_reconstructions(redrawn, truth, distance)
            run.log(step, evaluation.metrics)
            run.sample(step, torch.cat([truth, redrawn], 3)[: config.samples], "reconstructions")
            run.save_best(step, evaluation.score, drawn_with)
            listeners.report(f"step {step}: {evaluation.sentence}")

        def save(step: int, state: State) -> None:
            run.save(step, state, drawn_with, training.keep)

        def warn(sentence: str) -> None:
            listeners.report(sentence)
            run.log(run.first_step, {"warning": sentence})

        for sentence in run.notes:
            listeners.report(sentence)
        listeners.count_parameters({"autoencoder": coder})
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
    """The factor of the learning rate at a step, counted from 0."""
    return min(1.0, (step + 1) / _WARM_UP)


def measure_reconstructions(redrawn: Tensor, truth: Tensor, distance: PerceptualDistance | None = None) -> Evaluation:
    """Measures reconstructions against the originals, as means over all pictures; PSNR is the score.

    Args:
        redrawn: (N, 3, S, S) in [-1, 1], on the CPU.
        truth: the same shape.
        distance: measures LPIPS. None: LPIPS is not measured.
    """
    drawn, wanted = _to_pictures(redrawn), _to_pictures(truth)
    pairs = list(zip(drawn, wanted, strict=True))
    metrics = {"psnr": fmean(psnr(*pair) for pair in pairs), "lines": fmean(line_distance(*pair) for pair in pairs)}
    sentence = f"PSNR {metrics['psnr']:.2f} dB, line distance {1e5 * metrics['lines']:.1f}"
    found = nan if distance is None else fmean(distance(drawn, wanted))
    if found == found:  # it is NaN where pictures are too small for AlexNet
        metrics["lpips"] = found
        sentence += f", LPIPS {found:.4f}"
    return Evaluation(
        {f"reconstruction/{name}": value for name, value in metrics.items()},
        metrics["psnr"],
        f"unseen frames redrawn: {sentence}",
    )


def _to_pictures(batch: Tensor) -> Sequence[Picture]:
    return [to_uint8(frame) for frame in from_tensor(batch)]


def _open_material(config: PretrainAeConfig) -> tuple[Material, Material]:
    """Opens the films to train on and the films to evaluate on.

    Raises:
        InputError: a folder holds nothing that can be used, or films are too short to hold frames out.
    """
    material = open_material(config.paths)
    if config.unseen:
        return material, open_material(config.unseen)
    return hold_out(material, config.hold_out)


def _make_autoencoder(config: PretrainAeConfig) -> tuple[str, PlainAutoEncoderConfig, AutoEncoder]:
    """Makes an untrained auto-encoder; returns the name and the config of its architecture too."""
    shape = (config.width, config.latent, config.halvings, config.between)
    if config.net == "plain":
        plain = PlainAutoEncoderConfig(*shape)
        return "plain-autoencoder", plain, PlainAutoEncoder(plain)
    deep = DeepAutoEncoderConfig(*shape, depth=config.depth)
    return "deep-autoencoder", deep, DeepAutoEncoder(deep)

"""`animi train-motion`: a network that finds the motion between two key frames and draws along it.

Most batches are cartoons that animi draws itself, where the motion of every pixel is known. They train the motion both
ways, the global matches, the visibility in the other frame, and the frame between. Batches of films train the frame
between alone. The kind of a batch depends on the number of its step only, so that a resumed run repeats the order.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import cos, pi
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import interpolate

from ....models.motion import Learning, MotionConfig, MotionNetwork
from ...config.training import TrainMotionConfig
from ...drawn.batches import CartoonBatch, choose_side, load_cartoons
from ...drawn.collage import Collage, draw_layers
from ...drawn.stage import SpriteStage, build_stage
from ...errors import CheckpointError
from ...material.films import describe_enlarged, fingerprint, open_material
from ...material.loading import load_batches
from ...material.sampler import ClipSampler
from ...measures.ghost import ghost_penalty
from ...measures.perceptual import PerceptualDistance
from ...media.frames import from_tensor
from ...motion.pairs import search_pairs
from ...sprites.renderer import SpriteError, check_libraries, find_sprites, is_drawn
from ...weights.checkpoint import load_checkpoint
from ...weights.find import find_checkpoint, find_states
from ...weights.vgg import load_vgg
from ..distributed import World, check_batch, join_world
from ..listeners import Listeners, Parts
from ..loop import Ema, Hooks, Phase, fit, make_adam, map_batch, place_module
from ..losses.motion import (
    StyleDistance,
    claim_loss,
    end_point_errors,
    matching_loss,
    picture_distance,
    visibility_loss,
)
from ..losses.semantics import SemanticDistance, SemanticHeads
from ..motion_evaluation import MotionEvaluation
from ..run_folder import Network, open_run
from ..state import State

COMMAND = "train-motion"
_LAST_PART = 0.3  # share of the steps, at the end, in which the learning rate falls
_LOWEST = 0.02  # share of the learning rate at the last step
_PICTURES = 3  # frames in a sample


class FilmBatch(NamedTuple):
    """Triplets of frames from films."""

    frames: Tensor
    """(N, 3, 3, S, S) float in [-1, 1]: the first frame, one between, and the last."""
    t: Tensor
    """(N,) float32 in (0, 1): the time of the frame between."""
    given: Tensor | None = None
    """(N, 2, 2, S/2, S/2), as in `CartoonBatch`."""


Guided = TypeVar("Guided", CartoonBatch, FilmBatch)


def train_motion(config: TrainMotionConfig, *, resume: bool = False, listeners: Listeners | None = None) -> Path:
    """Trains a `MotionNetwork`.

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
        vgg = load_vgg(config.vgg_weights, world.device) if config.style or config.semantics else None
        style = StyleDistance(vgg) if vgg is not None and config.style else None
        perceptual = PerceptualDistance("alex", config.alex_weights, world.device) if config.perceptual else None
        torch.manual_seed(training.seed)
        network = _begin(config, resume)
        if config.drawing_only:
            network.hold_motion()
        # films and sprites are opened before the folder is made, so that an error leaves no folder behind
        batches = _Batches(config, world, listeners, guided=network.config.guided)
        run = open_run(
            config.output,
            config,
            resume,
            command=COMMAND,
            writes=world.is_first,
            material=batches.material,
        )
        run.notes += [] if batches.enlarged is None else [batches.enlarged]
        place_module(network, training, world)
        learners: dict[str, nn.Module] = {"motion": network}
        semantics = None
        if vgg is not None and config.semantics:
            heads = SemanticHeads(network.config)
            learners["semantics"] = place_module(heads, training, world)
            semantics = SemanticDistance(vgg, heads)
        # the heads are trained and saved with the network, and are no part of the checkpoints that draw
        trained = network if semantics is None else nn.ModuleDict(learners)
        ema = Ema(network, training.ema)
        drawn_with = Network(ema.module, "motion", network.config)
        evaluation = None
        if world.is_first:
            evaluation = MotionEvaluation(
                training.seed,
                max(config.sizes),
                config.evaluation_samples,
                config.alex_weights,
                workers=training.workers,
            )

        def rate(step: int) -> float:
            return learning_rate(step, training.steps, config.warm_up)

        optimizer = make_adam(trained.parameters(), config.rate, decay=config.decay)
        loss = _make_loss(config, network, style, perceptual, semantics)
        phase = Phase("motion", trained, optimizer, loss, schedule=rate)

        @torch.no_grad()
        def sample(step: int) -> None:
            if evaluation is None:
                return
            assert isinstance(ema.module, MotionNetwork)
            findings = evaluation.evaluate(ema.module)
            baseline = {f"yardstick/{name}": value for name, value in evaluation.baseline.metrics.items()}
            run.log(step, findings.metrics | baseline)
            run.sample(step, evaluation.draw_strips(findings, config.samples), "strips")
            run.save_best(step, evaluation.score(findings), drawn_with)
            listeners.report(f"step {step}: {evaluation.describe(findings)}")

        def save(step: int, state: State) -> None:
            run.save(step, state, drawn_with, training.keep)

        def warn(sentence: str) -> None:
            listeners.report(sentence)
            run.log(run.first_step, {"warning": sentence})

        for sentence in run.notes:
            listeners.report(sentence)
        listeners.count_parameters(learners)
        if evaluation is not None and run.first_step == 0:
            run.sample(0, evaluation.draw_strips(evaluation.baseline, config.samples), "yardstick")
        try:
            fit(
                [phase],
                batches.load(run.first_step),
                training,
                Hooks(
                    after_step=ema.update,
                    advance=listeners.advance,
                    report=run.log,
                    sample=sample,
                    save=save,
                    warn=warn,
                ),
                pictures=_PICTURES,
                state=run.state,
                also={"ema": ema.module},
                world=world,
            )
        finally:
            run.close()
    return config.output


def learning_rate(step: int, steps: int, warm_up: int) -> float:
    """The factor of the learning rate at a step: a linear rise, a constant part, and half a cosine down at the end.

    The rate is constant for most of the steps, unlike a cosine over all of them, so that the number of steps can be
    changed while a run trains. Hägele et al. (arXiv 2405.18392) find it as good.

    Args:
        step: number of the step, from 0.
        steps: number of steps in all.
        warm_up: number of steps in which the rate rises.
    """
    up = min(1.0, (step + 1) / warm_up) if warm_up else 1.0
    left = (steps - step) / max(1.0, _LAST_PART * steps)
    down = 1.0 if left >= 1 else _LOWEST + (1 - _LOWEST) * (1 - cos(pi * left)) / 2
    return up * down


def _begin(config: TrainMotionConfig, resume: bool) -> MotionNetwork:
    """Makes a new network, or opens the one to start from; a resumed run opens its own.

    Raises:
        CheckpointError: the network cannot be found, or is no motion network.
    """
    if config.init is None:
        if config.guided:  # the given motion is close already, so one coarse round is enough
            return MotionNetwork(MotionConfig(width=config.width, guided=True, coarse_rounds=1))
        return MotionNetwork(MotionConfig(width=config.width))
    path = find_checkpoint(config.output if resume and find_states(config.output) else config.init)
    module, header = load_checkpoint(path, torch.device("cpu"))
    if not isinstance(module, MotionNetwork):
        raise CheckpointError(
            f"{path}: holds a network {header.architecture!r}; give --init one that train-motion has written"
        )
    return module.train()


_BLOCK = 20
"""Batches whose kinds are shuffled together. In a fixed order of kinds, each kind would always get the same sizes, as
sizes take turns, and every hundredth step, which is reported, would be of one kind."""


class _Batches:
    """The batches of a training."""

    def __init__(self, config: TrainMotionConfig, world: World, listeners: Listeners, *, guided: bool) -> None:
        """Opens the films, finds the sprites, and draws the layers of collages.

        Raises:
            InputError: a folder holds nothing that can be used.
            SpriteError: sprites cannot be rendered.
        """
        self.config, self.world = config, world
        self.searched = guided or config.searched
        self.share = world.share(config.training.batch_size)
        self.sprites = [] if config.sprites is None else find_sprites(config.sprites)
        check_libraries(self.sprites)
        self.films: ClipSampler | None = None
        self.enlarged: str | None = None
        self.material: list[dict[str, Any]] = []
        if config.paths and config.films:
            clips = replace(config.clips, size=max(config.sizes), seed=config.training.seed)
            material = open_material(config.paths)
            self.enlarged = describe_enlarged(material, clips.size)
            self.material = fingerprint(material)
            self.films = ClipSampler(material, clips, config.training.batch_size, on_scan=listeners.scan)
        self.collage: Collage | None = None
        if config.collage:
            size, seed = max(config.sizes), config.training.seed
            listeners.report(f"draws {config.collage} layers of each kind and time for collages")
            layers = [
                draw_layers(kind, seed + number, size, config.collage, workers=config.training.workers)
                for number, kind in enumerate(("backdrop", "cutout"))
            ]
            self.collage = Collage(layers[0], layers[1], size, seed, world.device)
        self.stage: SpriteStage | None = None
        if config.staged:
            animations = [sprite for sprite in self.sprites if not is_drawn(sprite)]
            if not animations:
                raise SpriteError(f"{config.sprites}: holds no animation; give --staged 0, or a folder of animations")
            listeners.report(f"renders {len(animations)} sprites for batches that the device composes")
            self.stage = build_stage(
                animations,
                self.films.films if self.films else (),
                max(config.sizes),
                config.training.seed,
                world.device,
                workers=config.training.workers,
            )

    def films_before(self, step: int) -> int:
        """The number of batches of films before batch number `step`."""
        block, place = divmod(step, _BLOCK)
        first, most = self._films_of(block)
        return first + int((self._ranks(block)[:place] < most).sum())

    def kind(self, step: int) -> str:
        """The kind of batch number `step`: "film", "staged", "collage" or "drawn"."""
        block, place = divmod(step, _BLOCK)
        rank, films = self._ranks(block)[place], self._films_of(block)[1]
        if rank < films:
            return "film"
        chance = np.random.default_rng([self.config.training.seed, step, 9]).random()
        if self.stage is not None and chance < self.config.staged:
            return "staged"
        if self.collage is None or (rank - films) % 2 == 0:
            return "drawn"
        if step >= self.config.small:  # collages have one size
            return "collage"
        return "drawn" if self.stage is None else "staged"

    def _ranks(self, block: int) -> NDArray[np.int64]:
        """Shuffled ranks of a block's batches: the lowest are films, and every second of the others is a collage."""
        return np.random.default_rng([self.config.training.seed, block, 10]).permutation(_BLOCK)

    def _films_of(self, block: int) -> tuple[int, int]:
        """The number of batches of films before a block, and within it."""
        share = self.config.films if self.films else 0
        before, after = (int(number * _BLOCK * share) for number in (block, block + 1))
        return before, after - before

    def load(self, first_step: int) -> Iterator[tuple[int, CartoonBatch | FilmBatch]]:
        """Yields batches from number `first_step` on, on the device."""
        config, training, device = self.config, self.config.training, self.world.device
        drawn = load_cartoons(
            training.seed,
            config.sizes,
            training.batch_size,
            workers=training.workers,
            first_step=first_step,
            chosen=lambda step: self.kind(step) == "drawn",
            part=self.share,
            grow=config.grow,
            sprites=self.sprites,
            share=config.sprite_share,
            guided=self.searched,
            repeat=config.repeat,
            small=config.small,
            pin=device.type == "cuda",
        )
        films = None
        if self.films is not None:
            mine = self.films.share(*self.share)
            films = load_batches(mine, self.films_before(first_step), device, workers=training.workers)
        step = first_step
        while True:
            kind = self.kind(step)
            if kind == "film":
                assert films is not None
                triplets = _choose_triplets(next(films)[1], training.seed, step)
                if step < config.small:
                    triplets = _halve(triplets, choose_side((max(config.sizes),), step, config.small))
                yield step, _guide(triplets) if self.searched else triplets
            elif kind in ("staged", "collage"):
                yield step, self._compose(kind, step)
            else:
                batch = next(drawn)
                yield step, map_batch(batch, lambda x: x.to(device, non_blocking=True))
            step += 1

    def _compose(self, kind: str, step: int) -> CartoonBatch:
        """This process's share of a batch that the device composes; each process composes all of it, which is cheap."""
        count = self.config.training.batch_size
        if kind == "staged":
            assert self.stage is not None
            whole = self.stage.draw(step, count, choose_side(self.config.sizes, step, self.config.small))
        else:
            assert self.collage is not None
            whole = self.collage.draw(step, count)
        if self.searched:
            whole = _guide(whole)
        first, mine = self.share
        part: CartoonBatch = map_batch(whole, lambda x: x[first : first + mine])
        return part


def _choose_triplets(clips: Tensor, seed: int, step: int) -> FilmBatch:
    """Takes three frames of each clip, (N, T, 3, S, S), at random distances; the same three of all clips."""
    length = clips.shape[1]
    draw = np.random.default_rng([seed, step, 8])
    span = int(draw.integers(2, length))
    first = int(draw.integers(0, length - span))
    middle = int(draw.integers(1, span))
    frames = clips[:, [first, first + middle, first + span]]
    return FilmBatch(frames, torch.full((len(clips),), middle / span, device=clips.device))


def _halve(batch: FilmBatch, side: int) -> FilmBatch:
    """Reduces the pictures of a batch to `side` pixels."""
    count = len(batch.frames)
    frames = interpolate(batch.frames.flatten(0, 1), (side, side), mode="bilinear", antialias=True)
    return batch._replace(frames=frames.unflatten(0, (count, 3)))  # type: ignore[no-untyped-call]


def _guide(batch: Guided) -> Guided:
    """Adds the motion between the outer frames as the classical search finds it."""
    outer = batch.frames[:, [0, 2]].flatten(0, 1)  # 2N of (3, S, S)
    frames = list(outer.permute(0, 2, 3, 1).cpu().numpy()) if outer.dtype == torch.uint8 else from_tensor(outer)
    given = search_pairs(zip(frames[::2], frames[1::2], strict=True))
    return batch._replace(given=given.to(batch.frames.device))


def _both_ways(given: Tensor | None) -> Tensor | None:
    """Reorders motion for the network: (N, 2, 2, h, w) to (2N, 2, h, w), forward and then backward."""
    return None if given is None else given.transpose(0, 1).flatten(0, 1)


def _make_loss(
    config: TrainMotionConfig,
    network: nn.Module,
    style: StyleDistance | None,
    perceptual: PerceptualDistance | None = None,
    semantics: SemanticDistance | None = None,
) -> Callable[[CartoonBatch | FilmBatch, int], tuple[Tensor, Parts]]:
    """Makes the loss function; it returns the loss, and its parts without their weights."""

    def compare(
        drawn: Tensor, first: Tensor, truth: Tensor, last: Tensor, learning: Learning, whole: Tensor | None = None
    ) -> tuple[Tensor, Parts]:
        if whole is not None:  # a cut has no frame between, so the drawn frame is compared with itself
            truth = torch.where(whole, truth, drawn.detach())
        parts: Parts = {"pictures": picture_distance(drawn, truth)}
        loss = config.pictures * parts["pictures"]
        if config.claims:
            assert learning.claim is not None and learning.warped is not None
            keep = slice(None) if whole is None else whole.flatten()
            early, late = learning.warped
            parts["claims"] = claim_loss(learning.claim[keep], (early[keep], late[keep]), truth[keep])
            loss = loss + config.claims * parts["claims"]
        if style is not None:
            parts["style"] = style(drawn, truth)
            loss = loss + config.style * parts["style"]
        if perceptual is not None:
            parts["perceptual"] = perceptual.compare(drawn, truth)
            loss = loss + config.perceptual * parts["perceptual"]
        if config.ghost:
            parts["ghost"] = ghost_penalty(drawn, first, last, truth)
            loss = loss + config.ghost * parts["ghost"]
        if semantics is not None:
            parts["semantics"] = semantics(learning.features)
            loss = loss + config.semantics * parts["semantics"]
        return loss, parts

    def learn_film(batch: FilmBatch) -> tuple[Tensor, Parts]:
        first, middle, last = batch.frames.unbind(1)  # (N, 3, S, S) each
        drawn, _, learning = network(first, last, batch.t, _both_ways(batch.given))
        loss, parts = compare(drawn, first, middle, last, learning)
        return loss, {f"film/{name}": value for name, value in parts.items()}

    def learn_cartoon(batch: CartoonBatch, step: int) -> tuple[Tensor, Parts]:
        first, middle, last = (batch.frames.float() / 127.5 - 1).unbind(1)  # (N, 3, S, S) each
        count, corner = len(first), step // len(config.sizes) % 4  # so that each size gets each corner
        # neighbours in a batch show the same scene, samples half a batch apart show different ones
        cut = torch.rand(count, device=first.device) < (config.cuts if count >= 8 else 0)
        last = torch.where(cut.view(-1, 1, 1, 1), last.roll(count // 2, 0), last)
        cut = torch.cat([cut, cut]).view(-1, 1, 1, 1)
        truth = torch.cat([batch.forward, batch.backward])
        visible = torch.cat([batch.forward_visible, batch.backward_visible]) & ~cut
        observable = torch.cat([batch.forward_observable, batch.backward_observable])
        # across a cut the given motion is that of another pair, as wrong as any that a search would find
        drawn, _, learning = network(first, last, batch.t, _both_ways(batch.given))

        error, last_error = end_point_errors(learning.steps, truth, visible, observable & ~cut, corner)
        seen = visibility_loss(learning.visible, visible, observable | cut, corner)
        loss, parts = config.flow * error + config.visibility * seen, {"error": last_error, "visibility": seen}
        if learning.match is not None:
            parts["matching"] = matching_loss(learning.match, truth, visible, observable | cut, corner)
            loss = loss + config.matching * parts["matching"]
        compared, others = compare(drawn, first, middle, last, learning, ~cut[:count])
        return loss + compared, parts | others

    def learn(batch: CartoonBatch | FilmBatch, step: int) -> tuple[Tensor, Parts]:
        return learn_film(batch) if isinstance(batch, FilmBatch) else learn_cartoon(batch, step)

    return learn

"""A tiny adversarial training that tests start as processes of their own, interrupt, kill and start again.

It waits for lines of JSON on stdin, and forks a process for each, so that PyTorch is imported once. For each it prints
the number of the process, and when that has ended, its exit code (negative: the signal that ended it).
"""

import json
import os
import sys
import time
from pathlib import Path

import matplotlib.figure  # noqa: F401 - once, before processes are forked
import torch
import torch._dynamo  # the first optimizer imports it, which takes longer than a whole training
from torch import nn

from animi.core.config.material import ClipConfig
from animi.core.config.training import TrainingConfig
from animi.core.errors import AnimiError
from animi.core.material.films import open_material
from animi.core.material.loading import load_images
from animi.core.material.sampler import ClipSampler
from animi.core.pages.curves import draw_curves
from animi.core.training import run_folder
from animi.core.training.distributed import check_batch, join_world
from animi.core.training.loop import Ema, Hooks, Phase, draw_noise, fit, make_adam, place_module
from animi.core.training.metrics_file import read_series
from animi.core.training.run_folder import Network, open_run

LATENT = 6


class Generator(nn.Module):
    def __init__(self, norm):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(LATENT, 8 * 16),
            nn.Unflatten(1, (8, 4, 4)),
            nn.BatchNorm2d(8) if norm else nn.Identity(),
            nn.ReLU(),
            nn.Upsample(scale_factor=4),
            nn.Conv2d(8, 3, 3, padding=1),
            nn.Tanh(),
        )

    def forward(self, z):
        return self.layers(z)


def make_discriminator():
    conv = nn.utils.parametrizations.spectral_norm(nn.Conv2d(3, 8, 3, 2))
    return nn.Sequential(conv, nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(8 * 49, 1))


def train(frames, folder, resume=False, pause=0.0, norm=True, noise=True, fresh=False, spoil=(), **settings):
    """Trains on the pictures of a folder.

    Args:
        frames: the pictures' folder.
        folder: the run's.
        resume: go on.
        pause: seconds to sleep in each step, so that there is time to kill it.
        norm: whether the generator has a batch norm, which looks at the samples of one process only.
        noise: whether losses draw random numbers of their own.
        fresh: whether the networks begin from other weights in each process, as they would by mistake.
        spoil: steps whose batch holds a value that is not finite.
        settings: of TrainingConfig.
    """
    torch.set_num_threads(1)
    config = TrainingConfig(**{"batch_size": 4, "log_every": 1, "workers": 0, "device": "cpu", "seed": 5} | settings)
    with join_world(config.device) as world:
        check_batch(config, world)
        run = open_run(Path(folder), config, resume, command="tiny", writes=world.is_first)
        first, count = world.share(config.batch_size)
        clips = ClipConfig(length=1, size=16, seed=config.seed)
        sampler = ClipSampler(open_material([Path(frames)]), clips, config.batch_size).share(first, count)
        torch.manual_seed(config.seed + (world.rank if fresh else 0))
        generator, discriminator = Generator(norm), make_discriminator()
        ema = Ema(place_module(generator, config, world), config.ema)
        place_module(discriminator, config, world)
        looks = draw_noise(LATENT, config.seed, 0, 4)

        def batches():
            for step, real in load_images(sampler, run.first_step, world.device, workers=config.workers):
                time.sleep(pause)
                if step in spoil:
                    real[0, 0, 0, 0] = torch.inf
                yield step, {"real": real, "z": draw_noise(LATENT, config.seed, step, count, first)}

        def judge(batch, _step):
            real = batch["real"] + 0.1 * torch.randn_like(batch["real"]) if noise else batch["real"]
            with torch.no_grad():
                fake = generator(batch["z"])
            on_real, on_fake = discriminator(real), discriminator(fake)
            return (1 - on_real).relu().mean() + (1 + on_fake).relu().mean(), {"real": on_real.mean()}

        def deceive(batch, _step):
            return -discriminator(generator(batch["z"])).mean(), {}

        phases = [
            Phase("discriminator", discriminator, make_adam(discriminator.parameters(), 2e-3, (0.5, 0.9)), judge),
            Phase("generator", generator, make_adam(generator.parameters(), 1e-3, (0.5, 0.9)), deceive, every=2),
        ]
        network = Network(ema.module, "tiny", config)
        done = fit(
            phases,
            batches(),
            config,
            Hooks(
                after_step=ema.update,
                report=run.log,
                sample=lambda step: run.sample(step, ema.module(looks)),
                save=lambda step, state: run.save(step, state, network, config.keep),
                warn=lambda sentence: run.log(run.first_step, {"warning": sentence}),
            ),
            state=run.state,
            also={"ema": ema.module},
            world=world,
        )
        run.close()
        return done, read_series(run.folder), ema.module.state_dict()


def work(order):
    """What a forked process does; gives its exit code."""
    os.environ.update(order.pop("environment", {}))
    try:
        train(**order)
    except AnimiError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        return 130
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def serve():
    # the first panel of losses.png alone: all of them take longer than the training
    run_folder.draw_curves = lambda panels: draw_curves(dict(list(panels.items())[:1]))
    children = {}
    for line in sys.stdin:
        orders = json.loads(line)
        for order in orders:
            child = os.fork()
            if child == 0:
                os._exit(work(order))
            children[child] = len(children)
            print(child, flush=True)
        for _ in orders:
            child, status = os.wait()
            print(child, os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:  # as torchrun starts it
        sys.exit(work(json.loads(sys.argv[1])))
    serve()

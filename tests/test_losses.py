"""Losses and augmentation against numbers worked out by hand."""

import pytest
import torch
from torch import nn

from animi.core.adversarial import discriminator_loss
from animi.core.augmentation import augment
from animi.core.config import AUGMENTATIONS, AdversarialConfig
from animi.core.losses import (
    R1_EVERY,
    LeCam,
    gradient_penalty,
    hinge_for_discriminator,
    hinge_for_generator,
    redrawing,
)
from animi.models.discriminators import ImageDiscriminator, ImageDiscriminatorConfig, Redrawn


def test_hinge_by_hand():
    real, fake = torch.tensor([2.0, 0.5, -1.0]), torch.tensor([-3.0, 0.0])
    assert hinge_for_discriminator(real, fake).item() == pytest.approx((0 + 0.5 + 2) / 3 + (0 + 1) / 2)
    assert hinge_for_generator(fake).item() == pytest.approx(1.5)


def test_scores_beyond_the_margin_teach_the_discriminator_nothing():
    real, fake = torch.tensor([1.5], requires_grad=True), torch.tensor([-2.0], requires_grad=True)
    hinge_for_discriminator(real, fake).backward()
    assert real.grad.item() == fake.grad.item() == 0
    fake.grad = None
    hinge_for_generator(fake).backward()
    assert fake.grad.item() == -1


def test_redrawing_is_the_mean_error_of_both():
    zero, one = torch.zeros(1, 3, 4, 4), torch.ones(1, 3, 4, 4)
    assert redrawing(Redrawn(one, one, zero, zero)).item() == 0
    assert redrawing(Redrawn(one, zero, zero, -one / 2)).item() == pytest.approx(1.5)


def test_gradient_penalty_of_a_plane_is_half_its_slope_squared():
    slope = torch.randn(3, 4, 4, generator=torch.Generator().manual_seed(0))

    def judge(pictures):
        return (pictures * slope).sum((1, 2, 3))[:, None].expand(-1, 6)  # a map of equal scores

    penalty = gradient_penalty(judge, torch.rand(5, 3, 4, 4))
    assert penalty.item() == pytest.approx(slope.square().sum().item() / 2, rel=1e-5)


def test_gradient_penalty_can_be_lowered():
    layer = nn.Conv2d(3, 1, 3)
    gradient_penalty(layer, torch.rand(2, 3, 6, 6)).backward()
    assert layer.weight.grad.abs().sum() > 0


def test_lecam_by_hand_over_two_steps():
    lecam = LeCam()
    assert lecam(torch.tensor([2.0]), torch.tensor([-1.0])).item() == pytest.approx(4 + 1)  # the means are 0 yet
    assert lecam.real.item() == pytest.approx(0.02)
    assert lecam.fake.item() == pytest.approx(-0.01)
    second = lecam(torch.tensor([1.0, -3.0]), torch.tensor([0.5]))
    assert second.item() == pytest.approx(((1 + 0.01) ** 2 + 0) / 2 + 0)
    assert set(lecam.state_dict()) == {"real", "fake"}  # so that a run that is gone on with has them


@pytest.fixture
def discriminator():
    torch.manual_seed(0)
    return ImageDiscriminator(ImageDiscriminatorConfig(64, 8))


def test_the_discriminators_loss_is_the_weighted_sum_of_its_parts(discriminator):
    real, fake = torch.rand(2, 4, 3, 64, 64) * 2 - 1
    nets = AdversarialConfig(8, augment=(), redraw=0.5, lecam=0.25, r1=2.0)
    loss, parts = discriminator_loss(discriminator, LeCam(), nets, real, fake, 0)
    rest = loss - 0.5 * parts["redraw"] - 0.25 * parts["lecam"] - 2 * R1_EVERY * parts["r1"]
    assert 0 < rest.item() < 10
    assert parts["r1"] > 0
    plain, few = discriminator_loss(
        discriminator, LeCam(), AdversarialConfig(8, augment=(), redraw=0, lecam=0), real, fake, 0
    )
    assert set(few) == {"real", "fake"}
    assert rest.item() == pytest.approx(plain.item(), abs=0.2)  # power iteration went on in between
    _, later = discriminator_loss(discriminator, LeCam(), nets, real, fake, 1)
    assert "r1" not in later


def test_a_discriminator_learns_to_tell_two_kinds_apart_and_to_redraw(discriminator):
    torch.manual_seed(1)
    optimizer = torch.optim.Adam(discriminator.parameters(), 2e-3, (0.5, 0.999))
    nets, lecam = AdversarialConfig(8, augment=(), lecam=0.0), LeCam()
    real = nn.functional.interpolate(torch.rand(6, 3, 2, 2) * 2 - 1, size=(64, 64), mode="bilinear")
    found = []
    for step in range(60):
        fake = torch.rand(6, 3, 64, 64) * 2 - 1
        loss, parts = discriminator_loss(discriminator, lecam, nets, real, fake, step)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append((parts["real"] - parts["fake"], parts["redraw"]))
    gaps, redraws = zip(*found, strict=True)
    assert sum(gaps[-5:]) / 5 > 1
    assert sum(redraws[-10:]) < 0.8 * sum(redraws[:10])


@pytest.mark.parametrize("kind", AUGMENTATIONS)
def test_each_augmentation_keeps_shapes_passes_gradients_and_differs_by_picture(kind):
    torch.manual_seed(3)
    pictures = (torch.rand(1, 3, 24, 32) * 2 - 1).expand(6, -1, -1, -1).clone().requires_grad_(True)
    changed = augment(pictures, [kind])
    assert changed.shape == pictures.shape
    assert not torch.equal(changed[0], changed[1])
    changed.square().sum().backward()
    assert (pictures.grad.flatten(1).abs().sum(1) > 0).all()
    torch.manual_seed(3)
    torch.rand(1, 3, 24, 32)
    assert torch.equal(augment(pictures, [kind]), changed)


def test_no_augmentation_is_none():
    pictures = torch.rand(2, 3, 8, 8)
    assert augment(pictures, ()) is pictures
    with pytest.raises(ValueError, match="no augmentation 'blur'"):
        augment(pictures, ["blur"])


def test_translation_moves_by_up_to_an_eighth():
    torch.manual_seed(0)
    pictures = torch.zeros(200, 3, 32, 48)
    pictures[:, :, 16, 24] = 1
    places = augment(pictures, ["translation"])[:, 0].nonzero()
    assert len(places) == 200
    down, right = places[:, 1] - 16, places[:, 2] - 24
    assert set(down.tolist()) == set(range(-4, 5))
    assert set(right.tolist()) == set(range(-6, 7))


def test_cutout_paints_a_square_of_half_the_sides():
    torch.manual_seed(0)
    gone = augment(torch.ones(200, 3, 32, 32), ["cutout"])[:, 0] == 0
    assert gone.any(2).sum(1).max() == gone.any(1).sum(1).max() == 16
    assert gone.flatten(1).sum(1).min() >= 8 * 8  # its middle lies inside
    assert torch.equal(gone.flatten(1).sum(1), gone.any(2).sum(1) * gone.any(1).sum(1))


def test_colour_stays_in_the_ranges_of_the_paper():
    torch.manual_seed(0)
    grey = torch.zeros(500, 3, 4, 4)
    shift = augment(grey, ["colour"]).mean((1, 2, 3))
    assert -0.5 <= shift.min() < -0.4
    assert 0.4 < shift.max() <= 0.5
    half = torch.cat([torch.full((500, 3, 2, 4), -0.5), torch.full((500, 3, 2, 4), 0.5)], 2)
    spread = augment(half, ["colour"])
    contrast = spread.amax((1, 2, 3)) - spread.amin((1, 2, 3))
    assert contrast.min() >= 0.5 - 1e-6
    assert contrast.max() <= 1.5 + 1e-6

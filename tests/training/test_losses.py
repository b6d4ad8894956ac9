"""Losses and augmentation against numbers worked out by hand."""

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from animi.core.config.choices import AUGMENTATIONS
from animi.core.config.training import AdversarialConfig
from animi.core.drawn.batches import load_cartoons
from animi.core.measures.ghost import ghost_penalty, score_ghosts
from animi.core.training.adversarial import discriminator_loss
from animi.core.training.augmentation import Spoilt, augment, fade_across, find_edges, soften_edges
from animi.core.training.losses.adversarial import (
    R1_EVERY,
    LeCam,
    gradient_penalty,
    hinge_for_discriminator,
    hinge_for_generator,
    hinge_for_spoilt,
    latent_distance,
    redraw_loss,
)
from animi.models.discriminators import (
    ImageDiscriminator,
    ImageDiscriminatorConfig,
    Redrawn,
    SequenceDiscriminator,
    SequenceDiscriminatorConfig,
)


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
    assert redraw_loss(Redrawn(one, one, zero, zero)).item() == 0
    assert redraw_loss(Redrawn(one, zero, zero, -one / 2)).item() == pytest.approx(1.5)


def test_gradient_penalty_of_a_plane_is_half_its_slope_squared():
    slope = torch.randn(3, 4, 4, generator=torch.Generator().manual_seed(0))

    def discriminator(pictures):
        return (pictures * slope).sum((1, 2, 3))[:, None].expand(-1, 6)  # a map of equal scores

    penalty = gradient_penalty(discriminator, torch.rand(5, 3, 4, 4))
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


# Ghosts


@pytest.fixture(scope="module")
def cartoons():
    """First frames, true in-betweens and last frames of 8 cartoons, (8, 3, 64, 64) each."""
    frames = next(load_cartoons(900, 64, 8, worn=False)).frames.float() / 127.5 - 1
    return frames.unbind(1)


def discs(colour, floor, places, size=64, radius=9.0):
    """A disc at each of the places, (N, 3, size, size), over a floor."""
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    inside = torch.stack([(radius + 0.5 - torch.hypot(x - place, y - size / 2)).clamp(0, 1) for place in places])
    return floor + inside[:, None] * (torch.tensor(colour)[:, None, None] - floor)


def test_a_cross_fades_ghost_is_4_a_1_minus_a(cartoons):
    first, truth, last = cartoons
    for share in (0.0, 0.1, 0.25, 0.5, 0.75, 1.0):
        score = score_ghosts(torch.lerp(first, last, share), first, last)
        assert score.shape == (8,)
        assert torch.allclose(score, torch.full((8,), 4 * share * (1 - share)), atol=0.02), share
    assert score_ghosts(truth, first, last).mean() < 0.25
    assert torch.equal(score_ghosts(first, first, first), torch.zeros(8))  # nothing differs


def test_ghosts_are_told_from_what_looks_like_them():
    white = torch.ones(1, 3, 64, 64)
    first, truth, last = discs([-0.9, -0.9, -0.9], white, (18.0, 32.0, 46.0)).split(1)
    assert score_ghosts(truth, first, last) < 0.02
    soft = augment_blur(truth)
    assert score_ghosts(soft, first, last) < 0.05
    noisy = (first + last) / 2 + 0.04 * torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    assert score_ghosts(noisy, first, last) > 0.7
    assert score_ghosts(augment_blur((first + last) / 2), first, last) > 5 * score_ghosts(soft, first, last) + 0.2
    # two grey discs where the mixture would be grey too, but larger: a colour by chance
    grey = torch.minimum(*discs([0.05, 0.05, 0.05], white, (18.0, 46.0), radius=12.0).split(1))
    assert score_ghosts(grey, first, last) < 0.15
    half = torch.cat([(first + last)[..., :32] / 2, truth[..., 32:]], 3)
    assert score_ghosts(half, first, last) == pytest.approx(0.5, abs=0.1)
    # low contrast counts as well
    faint = discs([0.12, 0.12, 0.08], white * 0, (18.0, 32.0, 46.0)).split(1)
    assert score_ghosts((faint[0] + faint[2]) / 2, faint[0], faint[2]) > 0.9
    assert score_ghosts(faint[1], faint[0], faint[2]) < 0.1


def augment_blur(pictures):
    padded = nn.functional.pad(pictures, (2, 2, 2, 2), mode="replicate")
    return nn.functional.avg_pool2d(padded, 5, 1)


def test_small_pictures_have_a_ghost_score_too():
    first, last = torch.rand(2, 1, 3, 8, 6) * 2 - 1
    assert score_ghosts((first + last) / 2, first, last) == pytest.approx(1, abs=0.01)
    assert score_ghosts(first[..., :4, :4], first[..., :4, :4], last[..., :4, :4]) == 0  # no window fits


def test_the_ghost_penalty_excuses_what_the_truth_has(cartoons):
    first, truth, last = cartoons
    faded = (first + last) / 2
    assert ghost_penalty(truth, first, last, truth) == 0
    assert ghost_penalty(faded, first, last, faded) == 0
    assert ghost_penalty(faded, first, last, margin=0.2) == pytest.approx(0.8, abs=0.01)
    scores = score_ghosts(truth, first, last)
    above = (score_ghosts(faded, first, last) - scores - 0.1).relu().mean()
    assert ghost_penalty(faded, first, last, truth, 0.1) == pytest.approx(above.item(), abs=1e-6)


def test_lowering_the_penalty_drives_the_ghost_out(cartoons):
    first, _, last = (frames[:2] for frames in cartoons)
    drawn = torch.lerp(first, last, 0.4).requires_grad_(True)
    optimizer = torch.optim.Adam([drawn], 0.02)
    begin = score_ghosts(drawn, first, last).mean().item()
    for _ in range(40):
        loss = ghost_penalty(drawn, first, last)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert begin > 0.9
    assert score_ghosts(drawn, first, last).mean() < 0.2


# What is spoilt on purpose


def test_edges_are_cannys(cartoons):
    first, _, _ = cartoons
    found = find_edges(first)[:, 0].numpy()
    shared = []
    for frame, edges in zip(first, found, strict=True):
        rgb = ((frame + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
        wanted = cv2.Canny(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), 100, 200) > 0
        shared.append((wanted & edges).sum() / (wanted | edges).sum())
    assert np.mean(shared) > 0.85


def test_drawings_are_softened_along_their_lines_only():
    frame = discs([-0.9, 0.2, -0.9], torch.ones(1, 3, 64, 64), (30.0,))
    blank = torch.full((1, 3, 64, 64), 0.3)
    softened, differs = soften_edges(torch.cat([frame, blank]))
    assert differs.tolist() == [True, False]
    assert torch.equal(softened[1:], blank)
    rgb = np.ascontiguousarray(frame[0].permute(1, 2, 0).numpy())
    grey = cv2.cvtColor(((rgb + 1) * 127.5).round().astype(np.uint8), cv2.COLOR_RGB2GRAY)
    near = cv2.dilate(cv2.Canny(grey, 100, 200), np.ones((5, 5), np.uint8)) > 0
    wanted = np.where(near[..., None], cv2.GaussianBlur(rgb, (5, 5), 0), rgb)
    assert np.abs(softened[0].permute(1, 2, 0).numpy() - wanted).max() < 1e-5
    assert 0.05 < near.mean() < 0.6


def test_fades_are_mixtures_and_still_frames_are_none():
    first, last = torch.rand(2, 3, 3, 8, 8) * 2 - 1
    last[2] = first[2]
    faded = fade_across(first, last, torch.tensor([0.0, 0.25, 0.5]))
    assert torch.equal(faded.pictures[0], first[0])
    assert torch.allclose(faded.pictures[1], 0.75 * first[1] + 0.25 * last[1], atol=1e-6)
    assert faded.differs.tolist() == [True, True, False]
    clips = fade_across(first, last, torch.linspace(0, 1, 5).expand(3, 5)).pictures
    assert clips.shape == (3, 5, 3, 8, 8)
    assert torch.allclose(clips[:, 2], (first + last) / 2, atol=1e-6)
    assert torch.equal(clips[:, 4], last)


def test_rejecting_counts_only_what_differs():
    scores = torch.tensor([[1.0, 0.0], [-3.0, -3.0], [9.0, 9.0]])
    assert hinge_for_spoilt(scores, torch.tensor([True, True, False])).item() == pytest.approx((1.5 + 0) / 2)
    assert hinge_for_spoilt(scores, torch.zeros(3, dtype=torch.bool)).item() == 0


def test_latent_distance_is_the_mean_absolute_difference():
    encoded, between = torch.zeros(2, 3, 4), torch.zeros(2, 3, 4)
    between[0, 0, 0] = 6
    assert latent_distance(encoded, between).item() == pytest.approx(6 / 24)


# Clips


@pytest.mark.parametrize("kind", AUGMENTATIONS)
def test_all_frames_of_a_clip_are_changed_alike(kind):
    torch.manual_seed(3)
    frame = torch.rand(4, 1, 3, 24, 32) * 2 - 1
    changed = augment(frame.expand(-1, 5, -1, -1, -1), [kind])
    assert changed.shape == (4, 5, 3, 24, 32)
    assert torch.allclose(changed, changed[:, :1].expand_as(changed))
    assert not torch.equal(changed[:, 0] - frame[:, 0], torch.zeros(4, 3, 24, 32))
    torch.manual_seed(3)
    torch.rand(4, 1, 3, 24, 32)
    assert torch.allclose(augment(frame[:, 0], [kind]), changed[:, 0], atol=1e-6)  # and as a picture is


@pytest.mark.parametrize(("size", "length"), [(64, 2), (64, 3), (64, 8), (128, 5)])
def test_clips_of_any_length_get_a_map_of_scores(size, length):
    discriminator = SequenceDiscriminator(SequenceDiscriminatorConfig(size, length, 4))
    scores = discriminator(torch.rand(2, length, 3, size, size) * 2 - 1)
    assert scores.shape == (2, 5, 5)
    scores.sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in discriminator.parameters() if parameter.dim() > 1)
    with pytest.raises(ValueError, match="no discriminator"):
        SequenceDiscriminatorConfig(96)


def test_a_sequence_discriminator_learns_order_which_single_pictures_do_not_show():
    torch.manual_seed(0)
    discriminator = SequenceDiscriminator(SequenceDiscriminatorConfig(64, 4, 8))
    optimizer = torch.optim.Adam(discriminator.parameters(), 2e-3, (0.5, 0.999))
    nets, lecam = AdversarialConfig(8, augment=(), redraw=0, lecam=0.0), LeCam()
    gaps = []
    for step in range(25):
        starts = torch.rand(6) * 16 + 8
        places = (starts[:, None] + 10 * torch.arange(4)).flatten().tolist()
        real = discs([-0.9, -0.9, -0.9], torch.ones(1, 3, 64, 64), places).reshape(6, 4, 3, 64, 64)
        jumbled = real[:, [2, 0, 3, 1]]
        loss, parts = discriminator_loss(discriminator, lecam, nets, real, jumbled, step)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        gaps.append((parts["real"] - parts["fake"]).item())
    assert sum(gaps[-5:]) / 5 > 1


def test_further_fakes_are_rejected_with_their_weight(discriminator):
    discriminator.eval()  # holds batch norms and power iterations still
    real, fake, spoilt = torch.rand(3, 4, 3, 64, 64) * 2 - 1
    nets = AdversarialConfig(8, augment=(), redraw=0, lecam=0)
    kinds = {"edge": (0.5, Spoilt(spoilt, torch.tensor([True, True, False, False])))}
    plain, _ = discriminator_loss(discriminator, LeCam(), nets, real, fake, 0)
    loss, parts = discriminator_loss(discriminator, LeCam(), nets, real, fake, 0, kinds)
    assert loss.item() == pytest.approx(plain.item() + 0.5 * parts["edge"].item(), abs=1e-5)
    assert parts["edge"].item() == pytest.approx((1 + discriminator(spoilt[:2])).relu().mean().item(), abs=1e-5)

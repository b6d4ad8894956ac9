"""Collapse, copies and health are told apart, on features whose answers are known."""

import pytest
import torch
from torch import nn

from animi.core.measures.features import embed_with_vgg
from animi.core.training.health import Health, HealthCheck, HealthWatch

torch.manual_seed(0)


def pictures(count, seed):
    return torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def plain(images):
    return images.flatten(1)


@pytest.fixture
def check():
    return HealthCheck(plain, pictures(64, 1))


def test_other_pictures_of_the_same_kind_are_healthy(check):
    health = check.measure(pictures(64, 2))
    assert health.diversity == pytest.approx(1, abs=0.02)
    assert health.nearest == pytest.approx(1, abs=0.05)
    assert health.recall > 0.8
    assert health.coverage > 0.8
    assert health.gap is None


def test_one_picture_over_and_over_is_a_collapse(check):
    health = check.measure(pictures(1, 2).expand(64, -1, -1, -1) + 1e-4 * pictures(64, 3))
    assert health.diversity < 0.01
    assert health.recall == 0


def test_half_of_the_kinds_missing_halves_recall_and_coverage():
    offsets = torch.tensor([0.0, 5.0]).repeat_interleave(32)[:, None, None, None]
    check = HealthCheck(plain, pictures(64, 1) + offsets)
    both, one = check.measure(pictures(64, 2) + offsets), check.measure(pictures(64, 2))
    assert one.recall == pytest.approx(0.5, abs=0.05)
    assert both.recall > 0.75
    assert one.coverage == pytest.approx(0.5, abs=0.1)
    assert both.coverage > 0.75
    assert one.diversity < 0.5 < both.diversity
    assert both.score > one.score


def test_copies_of_reals_lie_upon_them(check):
    health = check.measure(pictures(64, 1) + 1e-3 * pictures(64, 5))
    assert health.nearest < 0.01
    assert health.closest <= health.nearest
    assert health.recall == 1
    warning = HealthWatch().warn(100, health)
    assert warning is not None
    assert "copies" in warning


def test_noise_far_from_all_reals_has_neither_recall_nor_coverage(check):
    health = check.measure(3 * pictures(64, 7) + 10)
    assert (health.recall, health.coverage) == (0, 0)
    assert health.nearest > 5
    assert health.score <= 0.34


def test_one_odd_real_does_not_make_noise_look_good():
    reals = torch.cat([pictures(63, 1), 40 * pictures(1, 2)])
    health = HealthCheck(plain, reals).measure(5 * pictures(64, 3))
    assert health.coverage <= 1 / 64
    assert health.score < 0.4


def test_the_gap_is_that_of_the_discriminators_means(check):
    health = check.measure(pictures(64, 2), (torch.tensor([1.0, 3.0]), torch.tensor([-1.0, 0.0])))
    assert health.gap == pytest.approx(2.5)
    assert health.as_metrics()["health/gap"] == health.gap
    assert "D(real) - D(fake) 2.50" in health.describe()


def test_too_few_reals_are_rejected():
    with pytest.raises(ValueError, match="3 reals are too few"):
        HealthCheck(plain, pictures(3, 1))


def healthy(diversity, gap=0.5):
    return Health(diversity, recall=diversity, coverage=0.5, nearest=1.0, closest=0.5, gap=gap)


def test_a_falling_diversity_is_warned_of_with_advice_that_suits():
    watch = HealthWatch()
    assert [watch.warn(step, healthy(d)) for step, d in enumerate((0.3, 0.6, 0.9, 0.8))] == [None] * 4
    warning = watch.warn(500, healthy(0.55, gap=4.2))
    assert "step 500: collapse: the samples differ by 0.55 of what the reals do, after 0.90 before" in warning
    assert "the discriminator has won (D(real) - D(fake) is 4.2)" in warning
    assert "\n" not in warning
    assert "lower its learning rate" in watch.warn(600, healthy(0.5, gap=0.1))
    assert watch.warn(700, healthy(0.85)) is None


def test_a_diversity_that_never_rose_is_told_of_after_some_patience():
    watch = HealthWatch()
    assert [watch.warn(step, healthy(0.1)) is None for step in range(4)] == [True, True, False, False]


def test_a_run_that_goes_on_remembers_its_best():
    fresh, resumed = HealthWatch(), HealthWatch({"health/diversity": ([100, 200], [0.9, 0.8])})
    assert fresh.warn(300, healthy(0.5)) is None
    assert "after 0.90 before" in resumed.warn(300, healthy(0.5))


class SmallVgg(nn.Module):
    """The same interface as VGG16's, three layers deep; its weights are made to see colours and edges."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 4, 3))
        self.register_buffer("mean", torch.full((1, 3, 1, 1), 0.5))
        self.register_buffer("deviation", torch.full((1, 3, 1, 1), 0.25))


def test_an_embedding_takes_the_layers_asked_for_in_parts_of_any_size():
    encoder = SmallVgg()
    images = pictures(5, 1)
    embed = embed_with_vgg(encoder, batch=2, taps=(1, 3))
    features = embed(images)
    assert features.shape == (5, 16 * (8 + 4))
    torch.testing.assert_close(features, embed_with_vgg(encoder, batch=16, taps=(1, 3))(images))
    assert not features.requires_grad
    first = encoder.features[:2]((images + 1) / 2 * 4 - 2)  # the same normalisation, by hand
    unit = first / first.norm(dim=1, keepdim=True).clamp_min(1e-12)
    cells = torch.stack(
        [unit[:, :, y : y + 2, x : x + 2].mean((2, 3)) for y in range(0, 8, 2) for x in range(0, 8, 2)], 2
    )
    torch.testing.assert_close(features[:, : 16 * 8], cells.flatten(1) / 4, rtol=1e-4, atol=1e-5)


def test_pictures_that_look_alike_lie_nearer():
    embed = embed_with_vgg(SmallVgg(), taps=(1, 3))
    base = pictures(1, 1)
    near, far = embed(base + 0.02 * pictures(1, 2)), embed(pictures(1, 3))
    here = embed(base)
    assert (near - here).norm() < 0.3 * (far - here).norm()

"""Splatting, warping and holes: against loops, and by their conventions."""

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from animi.models.warping import fill_holes, pixel_grid, resize_flow, splat, upsample_convexly, warp


def test_splatting_is_what_a_loop_over_pixels_does():
    draw = np.random.default_rng(0)
    values, weight = draw.random((2, 3, 5, 7)), draw.random((2, 1, 5, 7)) + 0.1
    flow = draw.uniform(-4, 4, (2, 2, 5, 7))
    sums, weights = np.zeros((2, 3, 5, 7)), np.zeros((2, 1, 5, 7))
    for n, y, x in np.ndindex(2, 5, 7):
        to_x, to_y = x + flow[n, 0, y, x], y + flow[n, 1, y, x]
        for row in (int(np.floor(to_y)), int(np.floor(to_y)) + 1):
            for column in (int(np.floor(to_x)), int(np.floor(to_x)) + 1):
                if 0 <= row < 5 and 0 <= column < 7:
                    share = (1 - abs(to_x - column)) * (1 - abs(to_y - row)) * weight[n, 0, y, x]
                    sums[n, :, row, column] += share * values[n, :, y, x]
                    weights[n, 0, row, column] += share
    found = splat(*(torch.from_numpy(x).float() for x in (values, flow, weight)))
    assert np.allclose(found[0], sums, atol=1e-5) and np.allclose(found[1], weights, atol=1e-5)


def test_splatting_has_gradients_for_what_where_and_how_much():
    torch.manual_seed(0)
    values, weight = torch.rand(1, 2, 4, 4), torch.rand(1, 1, 4, 4) + 0.1
    flow = torch.rand(1, 2, 4, 4) * 1.3 + 0.1
    parts = [x.requires_grad_() for x in (values, flow, weight)]

    def total():
        sums, weights = splat(*parts)
        return (sums * torch.arange(4.0)).sum() + (weights * torch.arange(4.0)[:, None]).sum()

    total().backward()
    for part in parts:
        flat, step = part.detach().view(-1), 1e-2
        before = flat[5].item()
        flat[5] = before + step
        above = total().item()
        flat[5] = before - step
        below = total().item()
        flat[5] = before
        assert part.grad.view(-1)[5].item() == pytest.approx((above - below) / (2 * step), rel=0.02, abs=1e-3)


def test_a_flow_far_outside_takes_everything_away():
    sums, weights = splat(torch.ones(1, 1, 4, 4), torch.full((1, 2, 4, 4), 1e4), torch.ones(1, 1, 4, 4))
    assert sums.abs().max() == weights.abs().max() == 0


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_warping_looks_up_where_the_flow_leads(mode):
    values = torch.rand(1, 3, 6, 8)
    flow = torch.zeros(1, 2, 6, 8)
    flow[:, 0], flow[:, 1] = 2, -1  # dx, dy
    found = warp(values, flow, mode=mode)
    assert torch.allclose(found[..., 1:, :6], values[..., :5, 2:], atol=1e-5)
    if mode == "bilinear":
        assert torch.allclose(found[..., 1:, 7], values[..., :5, 7], atol=1e-5)  # the edge is repeated


def test_what_is_splatted_is_found_again_by_warping():
    values, flow = torch.rand(1, 2, 8, 8), torch.zeros(1, 2, 8, 8)
    flow[:, 0], flow[:, 1] = 2, 1
    moved, _ = splat(values, flow, torch.ones(1, 1, 8, 8))
    assert torch.allclose(warp(moved, flow)[..., :7, :6], values[..., :7, :6], atol=1e-5)


def test_a_resized_flow_leads_to_the_same_place():
    flow = torch.ones(1, 2, 4, 8) * torch.tensor([3.0, -2.0]).view(1, 2, 1, 1)
    larger = resize_flow(flow, 8, 24)
    assert torch.allclose(larger[:, 0], torch.tensor(9.0)) and torch.allclose(larger[:, 1], torch.tensor(-4.0))
    assert torch.equal(resize_flow(flow, 4, 8), flow)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (5, 3), (16, 16), (17, 31)])
def test_holes_take_what_is_around_them(size):
    values = torch.zeros(1, 1, *size)
    weight = torch.zeros(1, 1, *size)
    values[..., 0, 0], weight[..., 0, 0] = 5, 1
    filled = fill_holes(values, weight)
    assert filled.shape == values.shape
    assert (filled - 5).abs().max() < 0.05


def test_what_is_known_stays_as_it_is():
    values = torch.rand(1, 2, 12, 10)
    assert torch.allclose(fill_holes(values, torch.ones(1, 1, 12, 10)), values, atol=2e-3)


def test_convex_upsampling_puts_each_new_pixel_where_it_belongs():
    values = pixel_grid(4, 5, torch.device("cpu"))
    mask = torch.full((1, 4, 9, 4, 5), -50.0)
    mask[:, :, 4] = 0  # each new pixel copies the old one that it lies in
    nearest = upsample_convexly(values, mask.flatten(1, 2))
    assert torch.allclose(nearest, interpolate(values, scale_factor=2.0, mode="nearest"), atol=1e-5)
    mask[:, 1, 4], mask[:, 1, 5] = -50, 0  # the second new pixel, upper right, copies the right neighbour
    right = upsample_convexly(values, mask.flatten(1, 2))
    assert torch.allclose(right[..., ::2, 1:-1:2], values[..., 1:], atol=1e-5)
    assert torch.equal(right[..., 1::2, :], nearest[..., 1::2, :])

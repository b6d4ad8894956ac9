"""Masks of parts: they are fitted to flat pieces, and what is behind a part is what the other drawing shows."""

import cv2
import numpy as np

from animi.core.motion.parts import Part, PartMask, paint_out
from animi.core.motion.segments import Pieces


def draw(x):
    picture = np.full((90, 160, 3), (200, 210, 220), np.uint8)
    picture[:, ::16] = (90, 120, 150)
    cv2.circle(picture, (x, 45), 18, (20, 16, 20), -1)
    cv2.circle(picture, (x, 45), 15, (225, 40, 30), -1)
    return picture


def test_a_rough_mask_becomes_the_piece_with_its_outline():
    disc = np.zeros((90, 160), np.uint8)
    cv2.circle(disc, (50, 45), 18, 1, -1)
    for rough in (cv2.dilate(disc, np.ones((5, 5))), cv2.erode(disc, np.ones((9, 9))), np.roll(disc, 4, 1)):
        found = Pieces(draw(50)).snap(rough > 0, 4)
        assert (found & (disc > 0)).sum() > 0.97 * disc.sum() and (found & (disc == 0)).sum() < 0.1 * disc.sum()


def test_where_there_are_no_flat_pieces_the_mask_is_left():
    noise = np.random.default_rng(0).integers(0, 256, (90, 160, 3), np.uint8)
    mask = np.zeros((90, 160), bool)
    mask[20:50, 30:70] = True
    found = Pieces(noise).snap(mask, 4)
    assert (found & mask).sum() > 0.5 * mask.sum()


def test_behind_a_part_is_what_the_other_drawing_shows():
    first, last = draw(40), draw(110)
    mask = np.zeros((90, 160), bool)
    mask[25:66, 20:61] = np.hypot(*np.mgrid[-20:21, -20:21]) < 18.5
    snap = [lambda mask: mask.astype(np.float32)] * 2
    part = Part(PartMask(mask), snap, (90, 160))
    flow = np.zeros((90, 160, 2), np.float32)
    rows, columns = np.mgrid[:90, :160]
    flow[np.hypot(rows - 45, columns - 40) < 24] = (70, 0)  # smeared over the outline, as it is found
    part.find_partner(flow)
    assert part.masks[1][45, 110] == 1 and part.masks[1][:, :85].max() == 0
    empty = np.full((90, 160, 3), (200, 210, 220), np.uint8)
    empty[:, ::16] = (90, 120, 150)
    for ground in paint_out((first, last), [part], flow):
        assert np.abs(ground.astype(int) - empty).mean() < 0.5

"""Motion that an animator gives: what a hint acts on, and where it takes it."""

import cv2
import numpy as np
import pytest

from animi.core.engines.interface import render_all
from animi.core.engines.opening import open_engine
from animi.core.motion.guides import Guides, PairHints, Track
from animi.core.motion.maps import fit_map, turn_and_squash
from animi.core.motion.search import estimate_flow

GROUND, RED, BLUE, INK = (230, 225, 210), (200, 60, 50), (60, 90, 190), (30, 26, 30)


def draw(*discs, bar=None):
    """Discs (x, y, colour) with outlines, and a bar (x, y, degrees), on a ground of stripes."""
    frame = np.full((180, 320, 3), GROUND, np.uint8)
    frame[::24] = (205, 200, 185)
    for x, y, colour in discs:
        cv2.circle(frame, (x, y), 18, colour, -1, cv2.LINE_AA)
        cv2.circle(frame, (x, y), 18, INK, 2, cv2.LINE_AA)
    if bar is not None:
        corners = cv2.boxPoints(((bar[0], bar[1]), (80, 18), bar[2])).astype(np.int32)
        cv2.fillPoly(frame, [corners], RED, cv2.LINE_AA)
        cv2.polylines(frame, [corners], True, INK, 2, cv2.LINE_AA)
    return frame


def guide(first, last, *tracks):
    return Guides(PairHints(tuple(Track(points) for points in tracks)), first, last)


def test_points_fit_as_much_as_they_say():
    source = np.array([[0, 0], [10, 0], [0, 10], [10, 10], [5, 2]], float)
    assert fit_map(source[:1], source[:1] + np.array([3, 4]))(np.zeros((1, 2))).tolist() == [[3, 4]]
    turned = source[:2] @ np.array([[0, 1], [-1, 0]]) * 2 + (1, 1)
    assert np.allclose(fit_map(source[:2], turned)(np.array([[0.0, 10.0]])), [[-19, 1]])
    sheared = source[:3] @ np.array([[1, 0.5], [0, 1]]) + (2, 0)
    assert np.allclose(fit_map(source[:3], sheared)(source[3:4]), [[12, 15]])
    bent = source + np.array([[0, 0], [0, 0], [0, 0], [0, 0], [4, -3]])
    assert np.abs(fit_map(source, bent)(source) - bent).max() < 0.1


@pytest.mark.parametrize("points", [[[5, 5]] * 3, [[0, 0], [5, 5], [10, 10], [15, 15]], [[0, 0], [0, 0]]])
def test_points_on_each_other_or_on_a_line_are_no_trouble(points):
    source = np.array(points, float)
    mapped = fit_map(source, source + np.array([7, -2]))(np.array([[3.0, 30.0]]))
    assert np.abs(mapped - (10, 28)).max() < 0.2


def test_a_turn_keeps_the_size_on_its_way():
    quarter = np.array([[0.0, -1], [1, 0]])
    half_way = turn_and_squash(quarter, 0.5)
    assert np.allclose(half_way @ half_way.T, np.eye(2)) and np.allclose(half_way @ half_way, quarter)


def test_a_hint_acts_on_the_thing_and_nothing_around_it():
    first, last = draw((60, 90, RED), (110, 90, BLUE)), draw((250, 50, RED), (120, 100, BLUE))
    guides = guide(first, last, ((60, 90), (250, 50)))
    flow = guides.move(np.zeros((180, 320, 2), np.float32), 0)
    assert np.allclose(flow[90, 60], (190, -40)) and np.allclose(flow[80, 50], (190, -40))  # up to its outline
    assert np.allclose(flow[73, 60], (190, -40), atol=1)  # with the outline
    assert not flow[90, 110].any() and not flow[60, 60].any() and not flow[120, 60].any()
    back = guides.move(np.zeros((180, 320, 2), np.float32), 1)
    assert np.allclose(back[50, 250], (-190, 40)) and not back[90, 60].any()


def test_what_is_taken_out_leaves_the_motion_around_it():
    guides = guide(draw((60, 90, RED)), draw((250, 50, RED)), ((60, 90), (250, 50)))
    flow = np.full((180, 320, 2), (3, 1), np.float32)
    flow[80:101, 50:71] = (50, -9)
    cleared, known = guides.clear(flow, 0)
    assert np.allclose(cleared[90, 60], (3, 1), atol=0.5) and known[90, 60] == -1 and known[20, 20] == 0


def test_a_piece_that_turns_does_so_by_one_hint():
    first, last = draw(bar=(100, 90, 0)), draw(bar=(200, 90, 60))
    guides = guide(first, last, ((100, 90), (200, 90)))
    flow = guides.move(np.zeros((180, 320, 2), np.float32), 0)
    end = np.array([130, 90]) + flow[90, 130]
    assert np.linalg.norm(end - (200 + 30 * np.cos(np.pi / 3), 90 + 30 * np.sin(np.pi / 3))) < 4


@pytest.mark.parametrize("name", ["flow", "motion"])
def test_two_alike_things_cross_because_they_are_told_apart(name):
    """Nothing in the drawings shows that they cross."""
    first, last = draw((60, 60, RED), (60, 130, RED)), draw((250, 130, RED), (250, 60, RED))
    hints = PairHints((Track(((60, 60), (250, 130))), Track(((60, 130), (250, 60)))))
    pair = open_engine(name, device="cpu").prepare(first, last, hints)
    for t, drawn in zip((0.25, 0.75), render_all(pair, [0.25, 0.75]), strict=True):
        truth = draw((round(60 + 190 * t), round(60 + 70 * t), RED), (round(60 + 190 * t), round(130 - 70 * t), RED))
        wrong = np.abs(drawn.astype(int) - truth).max(2) > 90
        assert wrong.mean() < 0.004


def test_a_path_is_followed_at_its_times():
    first, last = draw((60, 90, RED)), draw((260, 90, RED))
    hints = PairHints((Track(((60, 90), (160, 30), (260, 90)), (0, 0.25, 1)),))
    drawn = next(render_all(open_engine("flow").prepare(first, last, hints), [0.25]))
    y, x = np.nonzero(np.abs(drawn.astype(int) - RED).sum(2) < 60)
    assert abs(x.mean() - 160) < 2 and abs(y.mean() - 30) < 2


def test_what_is_gone_is_whole_until_the_middle_and_then_not_there():
    first, last = draw((60, 90, RED), (160, 90, BLUE)), draw((160, 90, BLUE), (240, 90, RED))
    hints = PairHints((Track(((60, 90), None)), Track((None, (240, 90)))))
    for t, drawn in zip(
        (0.3, 0.7), render_all(open_engine("flow").prepare(first, last, hints), [0.3, 0.7]), strict=True
    ):
        red = np.abs(drawn.astype(int) - RED).sum(2) < 60
        assert red[:, :120].sum() > 700 * (t < 0.5) - 1 and red[:, 200:].sum() > 700 * (t > 0.5) - 1
        assert red.sum() < 1100


def test_what_is_said_to_stay_stays():
    first, last = draw((60, 90, RED), (160, 90, BLUE)), draw((75, 96, RED), (160, 90, BLUE))
    still = np.zeros((180, 320), bool)
    still[60:120, 30:110] = True
    pair = open_engine("flow").prepare(first, last, PairHints((), still))
    drawn = next(render_all(pair, [0.25]))
    assert np.abs(drawn[60:120, 30:110].astype(int) - first[60:120, 30:110]).mean() < 1


def test_without_hints_nothing_changes():
    first, last = draw((60, 90, RED), (160, 90, BLUE)), draw((90, 96, RED), (150, 80, BLUE))
    engine = open_engine("motion", device="cpu")
    frames = [next(render_all(engine.prepare(first, last, hints), [0.5])) for hints in (None, PairHints())]
    assert np.array_equal(*frames)
    assert np.array_equal(estimate_flow(first, last)[0], estimate_flow(first, last, guides=None)[0])


def shade(x, gap=0, hand=None):
    """A shaded ball at x, whose edge has a gap of some pixels on its right, and a hand of its colour on it."""
    frame = np.full((180, 320, 3), (236, 228, 112), np.uint8)
    away = np.linalg.norm(np.dstack(np.meshgrid(np.arange(320), np.arange(180))) - (x, 90), axis=2)
    ball = np.clip(np.array([250.0, 170, 50]) - away[..., None] * 0.4, 0, 255)
    frame[away < 50] = ball[away < 50]
    if gap:  # as a highlight that has the colour of the ground
        frame[90 - gap // 2 : 90 + gap // 2, x + 30 : x + 60] = (236, 228, 112)
    cv2.circle(frame, (x - 20, 75), 8, (250, 250, 250), -1)
    if hand is not None:
        cv2.circle(frame, hand, 20, (244, 164, 46), -1, cv2.LINE_AA)
        cv2.circle(frame, hand, 6, (120, 60, 30), -1, cv2.LINE_AA)
    return frame


def test_a_gap_in_an_edge_does_not_join_a_thing_to_what_is_behind_it():
    first, last = shade(90, 6), shade(150, 6)
    guides = guide(first, last, ((90, 110), (150, 110)))
    for mask in (guides.guides[0].here, guides.guides[0].there):
        assert 6500 < mask.sum() < 9500  # the ball, and not the picture


def test_hints_on_one_shaded_piece_that_go_apart_divide_it():
    first, last = shade(90, hand=(140, 100)), shade(90, hand=(100, 120))
    guides = guide(first, last, ((70, 95), (70, 95)), ((140, 90), (100, 110)))
    assert len(guides.guides) == 2
    flow = guides.move(np.zeros((180, 320, 2), np.float32), 0)
    assert np.abs(flow[75, 70]).max() < 1 and np.abs(flow[100, 148] - (-40, 20)).max() < 2


def test_what_lies_on_a_hinted_piece_and_is_hinted_itself_is_drawn_once():
    first, last = shade(90), shade(150)
    hints = (Track(((70, 75), (110, 75), (130, 75))), Track(((90, 110), (150, 110))))
    drawn = next(render_all(open_engine("flow").prepare(first, last, PairHints(hints)), [0.25]))
    white = (drawn.min(2) > 235).astype(np.uint8)
    count, _, stats, middles = cv2.connectedComponentsWithStats(white)
    large = [middles[k] for k in range(1, count) if stats[k, cv2.CC_STAT_AREA] > 30]
    assert len(large) == 1 and np.abs(large[0] - (90, 75)).max() < 2


def test_paths_of_two_points_of_a_piece_are_followed_by_both():
    first, last = draw(bar=(100, 90, 0)), draw(bar=(200, 90, 0))
    hints = (Track(((70, 90), (90, 60), (170, 90))), Track(((130, 90), (150, 100), (230, 90))))
    guides = Guides(PairHints(hints), first, last)
    assert np.allclose(guides.guides[0].place(0.5), [(90, 60), (150, 100)])


def test_what_comes_or_goes_does_so_at_its_time():
    first, last = draw((60, 90, RED), (160, 90, BLUE)), draw((160, 90, BLUE), (240, 90, RED))
    hints = PairHints((Track(((60, 90), None), (0, 0.2)), Track((None, (240, 90)), (0.8, 1))))
    times = [0.1, 0.3, 0.7, 0.9]
    seen = []
    for drawn in render_all(open_engine("flow").prepare(first, last, hints), times):
        red = np.abs(drawn.astype(int) - RED).sum(2) < 60
        seen.append((red[:, :120].sum() > 700, red[:, 200:].sum() > 700))
    assert seen == [(True, False), (False, False), (False, False), (False, True)]


@pytest.mark.parametrize("name", ["motion", "flow"])
def test_what_is_like_a_thing_that_is_gone_comes_when_it_goes(name):
    first, last = draw((60, 90, RED)), draw((180, 90, RED))
    hints = PairHints((Track(((60, 90), None), (0, 0.6)),))
    pair = open_engine(name).prepare(first, last, hints)
    for drawn, shown in zip(render_all(pair, [0.25, 0.5, 0.7, 0.9]), (first, first, last, last), strict=True):
        assert np.abs(drawn.astype(int) - shown).mean() < 0.3, "each stands, whole, and nothing else is there"


def test_what_a_piece_uncovers_does_not_come_with_it():
    first, last = draw((60, 90, RED)), draw()
    guides = Guides(PairHints((Track(((60, 90), None)),)), first, last)
    still = np.zeros((180, 320, 2), np.float32)
    guides.find_partners((still, still), (first, last))
    assert len(guides.guides) == 1


def test_points_in_regions_lead_them():
    first, last = draw((60, 90, RED)), draw((250, 50, BLUE))
    regions = [cv2.circle(np.zeros((180, 320), np.uint8), at, 24, 1, -1) > 0 for at in ((60, 90), (250, 50))]
    hints = PairHints((Track(((60, 90), (100, 20), (250, 50))),), apart=(tuple(regions),))
    guides = Guides(hints, first, last)
    assert len(guides.guides) == 1 and np.allclose(guides.guides[0].place(0.5), [(100, 20)])
    # a border that was painted roughly is fitted to the outline
    assert 1000 < guides.guides[0].here.sum() < 0.85 * regions[0].sum()

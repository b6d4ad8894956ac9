from dataclasses import replace

import cv2
import numpy as np
import pytest

from animi.core.cartoon import actions, backgrounds, cast, composition, props, samples, styles, textures
from animi.core.cartoon.backgrounds import Layer, Place
from animi.core.cartoon.composition import compose
from animi.core.cartoon.geometry import apply, box, ellipse, loop, outward, place, read
from animi.core.cartoon.motion import find_observable, follow, mask_lines
from animi.core.cartoon.puppets import Blob, Joint, Pose, Puppet, Tube, still
from animi.core.cartoon.scenes import Actor, Scene, stand
from animi.core.drawn.batches import load_cartoons

INK = {"paper": (200, 220, 240), "thing": (220, 60, 40), "other": (40, 90, 60)}
FLAT = styles.Style(line=0.0)
STILL = (0.0, 0.0, 1.0)


def sheet(*shapes):
    """A background: paper, and shapes on it."""
    return Place((Layer(still([Blob("root", box(-400, -200, 400, 200), "paper", line=0), *shapes], INK), 1.0),))


def scene_of(pose, *, shapes=None, camera=lambda time: STILL, behind=(), style=FLAT, title=""):
    """A scene in which one thing moves; by default a square of 20 units."""
    thing = still(shapes or [Blob("root", box(-10, -10, 10, 10), "thing", line=0)], INK)
    return Scene(style, sheet(*behind), (Actor(thing, pose),), camera, title=title)


def motion_of(scene, size=100, times=(0.0, 1.0)):
    first, last = (scene.cel(time, size, size) for time in times)
    return first, last, follow(first, last)


def test_points_are_read_and_curves_pass_through_them():
    assert read("1,2 -3.5,4").tolist() == [[1, 2], [-3.5, 4]]
    knots = "0,0 10,0 10,10 0,10"
    drawn = loop(knots, 4)
    assert len(drawn) == 16
    assert np.allclose(drawn[::4], read(knots))


@pytest.mark.parametrize("turn", [1, -1])
def test_normals_point_out_of_a_contour_whichever_way_it_runs(turn):
    circle = ellipse(3, 4, 10)[::turn]
    assert np.all(((circle - (3, 4)) * outward(circle)).sum(1) > 0)


def test_flow_of_a_moved_square_is_its_motion_and_covers_what_it_must():
    scene = scene_of(lambda time: Pose(place(-20 + 30 * time, 5 * time)))
    first, last, motion = motion_of(scene, 100)  # 100 pixels for 100 units
    inside = np.zeros((100, 100), bool)
    inside[40:60, 20:40] = True  # x -30 to -10 and y -10 to 10, from the middle
    core = cv2.erode(inside.astype(np.uint8), np.ones((3, 3))) > 0
    around = cv2.dilate(inside.astype(np.uint8), np.ones((3, 3))) > 0
    assert np.allclose(motion.flow[core], (30, 5), atol=1e-4)
    assert np.all(motion.flow[~around] == 0)
    covered = np.zeros((100, 100), bool)
    covered[45:65, 50:70] = True
    edge = cv2.dilate(covered.astype(np.uint8), np.ones((3, 3))) - cv2.erode(covered.astype(np.uint8), np.ones((3, 3)))
    sure = (edge == 0) & ~(around & ~core)
    assert np.array_equal(motion.visible[sure], ~covered[sure])
    assert motion.known.all()
    back = follow(last, first)
    assert np.allclose(back.flow[47:63, 52:68], (-30, -5), atol=1e-4)


def test_flow_of_a_turning_growing_thing_is_affine():
    first_place, last_place = place(5, -8, 20, 1.2), place(-6, 4, 65, 1.7)
    scene = scene_of(lambda time: Pose(first_place if time == 0 else last_place))
    first, _, motion = motion_of(scene, 200)
    y, x = np.nonzero(first.patches == 1)
    assert len(x) > 1000
    on_sheet = (np.stack([x, y], 1) + 0.5 - 100) / 2
    there = apply(last_place @ np.linalg.inv(first_place), on_sheet)
    assert np.abs(motion.flow[y, x] - (there - on_sheet) * 2).max() < 1e-3


def test_flow_of_a_bending_limb_follows_its_drawing():
    joints = (Joint("root"), Joint("knee", "root", 0, 20), Joint("foot", "knee", 0, 20))
    limb = Tube([("root", 0, 0), ("knee", 0, 0), ("foot", 0, 0)], [14, 12, 8], "thing", line=0)
    leg = Puppet(joints, (limb,), INK, 40)
    actor = Actor(leg, lambda time: Pose(place(3 * time, -20), {"root": -20 * time, "knee": 70 * time}))
    scene = Scene(FLAT, sheet(), (actor,), lambda time: STILL)
    first, last, motion = motion_of(scene, 300)
    there = first.patches > 0
    y, x = np.nonzero(there & motion.visible)
    assert motion.visible[there].mean() > 0.97
    spot = np.stack([x, y], 1) + 0.5 + motion.flow[y, x]
    landed = last.cells[(spot[:, 1] * 3).astype(int), (spot[:, 0] * 3).astype(int)]
    # the same triangle of the limb, or the one beside it at a seam
    assert np.abs(landed.astype(int) - first.patches[y, x]).max() <= 3
    assert (landed == first.patches[y, x]).mean() > 0.9
    foot, root = motion.flow[int(300 * 0.69), 150], motion.flow[int(300 * 0.31), 150]
    assert np.hypot(*foot) > 2 * np.hypot(*root)


def test_the_camera_moves_each_layer_by_its_depth():
    layers = [
        Layer(still([Blob("root", box(-400, -200, 400, 0), "paper", line=0)], INK), 0.25),
        Layer(still([Blob("root", box(-400, 0, 400, 200), "other", line=0)], INK), 1.0),
    ]
    scene = Scene(FLAT, Place(tuple(layers)), (), lambda time: (20 * time, 0, 1))
    _, _, motion = motion_of(scene, 100)
    assert np.allclose(motion.flow[10, 50], (-5, 0), atol=1e-4)
    assert np.allclose(motion.flow[90, 50], (-20, 0), atol=1e-4)
    assert not motion.visible[90, :19].any()  # it leaves the picture
    assert motion.visible[90, 21:].all()


def test_a_zoom_moves_pixels_away_from_the_middle():
    scene = Scene(FLAT, sheet(), (), lambda time: (0, 0, 1 + time))
    _, _, motion = motion_of(scene, 100)
    assert np.allclose(motion.flow[50, 70], (20.5, 0.5), atol=1e-3)


def test_what_is_not_there_at_the_other_moment_has_no_known_motion():
    scene = scene_of(lambda time: Pose(np.eye(3), seen=time < 0.5))
    first, last, motion = motion_of(scene, 100)
    there = first.patches == 1
    assert there.sum() > 300
    assert not motion.known[there].any() and not motion.visible[there].any() and np.all(motion.flow[there] == 0)
    assert motion.known[~there].all()
    back = follow(last, first)
    assert not back.visible[there].any() and back.known.all()  # the paper is there, and covered


@pytest.mark.parametrize("seed", range(8))
def test_colours_follow_the_flow_on_what_stays_visible(seed):
    scene = compose("anything", seed, "flat")
    scene = replace(scene, style=replace(scene.style, gradient=0.0, grain=0.0), title="")
    first, last = (scene.cel(time, 256, 256) for time in (0.9, 0.98))
    motion = follow(first, last)
    pictures = [scene.colour(cel).astype(int) for cel in (first, last)]
    # pixels in the midst of one colour, here and there, so that no edge is averaged into them
    plain = [np.ptp([np.roll(p, (dy, dx), (0, 1)) for dy in (-1, 0, 1) for dx in (-1, 0, 1)], axis=0).max(-1) == 0
             for p in pictures]  # fmt: skip
    y, x = np.nonzero(motion.visible & plain[0])
    spot = np.floor(np.stack([x, y], 1) + 0.5 + motion.flow[y, x]).astype(int)
    both = plain[1][spot[:, 1], spot[:, 0]]
    y, x, spot = y[both], x[both], spot[both]
    assert len(y) > 5000
    wrong = np.abs(pictures[0][y, x] - pictures[1][spot[:, 1], spot[:, 0]]).max(-1) > 2
    assert wrong.mean() < 0.002


@pytest.mark.parametrize("seed", range(4))
def test_forward_and_backward_flow_undo_each_other_where_both_see(seed):
    scene = compose("parade", seed)
    first, last = (scene.cel(time, 192, 192) for time in (1.0, 1.1))
    forward, backward = follow(first, last), follow(last, first)
    y, x = np.nonzero(forward.visible)
    spot = np.floor(np.stack([x, y], 1) + 0.5 + forward.flow[y, x]).astype(int)
    error = np.hypot(*(forward.flow[y, x] + backward.flow[spot[:, 1], spot[:, 0]]).T)
    assert np.percentile(error, 99) < 1.0
    # what is uncovered was not visible before: whatever arrives at a visible pixel came from a visible one
    arrived = np.zeros((192, 192), bool)
    arrived[spot[:, 1], spot[:, 0]] = True
    assert (arrived & ~backward.visible).sum() < 0.01 * arrived.size


def test_texture_moves_with_what_it_is_on():
    style = styles.Style(line=0.0, grain=0.15, texture="paper", gradient=0.3)
    scene = scene_of(lambda time: Pose(place(12 * time, 7 * time)), style=style, camera=lambda time: (5 * time, 0, 1))
    first, last, motion = motion_of(scene, 200)  # moves of whole pixels: 14 and 14 for the square, -10 for the paper
    before, after = (scene.colour(cel).astype(int) for cel in (first, last))
    assert before[first.patches == 1].std() > 5
    y, x = np.nonzero(motion.visible)
    spot = np.round(np.stack([x, y], 1) + motion.flow[y, x]).astype(int)
    error = np.abs(before[y, x] - after[spot[:, 1], spot[:, 0]]).max(-1)
    assert np.percentile(error, 98) <= 2


def observable(scene, size=128):
    first, _, motion = motion_of(scene, size)
    return find_observable(scene.drawing, first, scene.colour(first), motion), first


def test_a_panning_blank_wall_asks_for_no_motion_but_what_is_on_it_does():
    pan = {"camera": lambda time: (12 * time, 3 * time, 1)}
    seen, first = observable(scene_of(lambda time: Pose(place(0, 20 * time)), **pan))
    assert not seen[first.patches == 0].any()
    assert seen[first.patches == 1].all()


def test_stripes_hide_a_motion_along_them():
    stripes = [Blob("root", box(-400, y, 400, y + 6), "other", line=0) for y in range(-90, 90, 12)]
    along = scene_of(lambda time: Pose(np.eye(3), seen=False), behind=stripes, camera=lambda time: (15 * time, 0, 1))
    assert not observable(along)[0].any()
    dots = [Blob("root", ellipse(x, y, 4), "other", line=0) for y in range(-90, 90, 12) for x in range(-150, 150, 12)]
    dotted = scene_of(lambda time: Pose(np.eye(3), seen=False), behind=dots, camera=lambda time: (15 * time, 0, 1))
    assert observable(dotted)[0].all()


def test_a_wall_that_stands_still_is_seen_to_stand_still():
    seen, first = observable(scene_of(lambda time: Pose(place(30 * time, 0))))
    assert seen[first.patches == 0].all()


def test_red_on_green_of_the_same_grey_can_be_seen():
    ink = {"paper": (150, 100, 100), "thing": (60, 146, 100)}  # the same luma
    thing = still([Blob("root", ellipse(0, 0, 12), "thing", line=0)], ink)
    paper = Place((Layer(still([Blob("root", box(-400, -200, 400, 200), "paper", line=0)], ink), 1.0),))
    scene = Scene(FLAT, paper, (Actor(thing, lambda time: Pose(place(9 * time, 0))),), lambda time: STILL)
    seen, first = observable(scene)
    assert seen[first.patches == 1].all()


def test_lines_are_where_ink_is():
    scene = scene_of(lambda time: Pose(np.eye(3)), shapes=[Blob("root", box(-20, -20, 20, 20), "thing")],
                     style=styles.Style(line=3.0, swell=0.0, line_colour=(0, 0, 0)))  # fmt: skip
    cel = scene.cel(0, 100, 100)
    lines = mask_lines(scene.drawing, cel)
    assert lines[50, 29] and lines[50, 71] and not lines[50, 50] and not lines[50, 10]
    assert np.all(scene.colour(cel)[50, 29] == 0)
    assert 4 * 40 * 3 * 0.8 < lines.sum() < 4 * 40 * 3 * 1.5


def test_a_line_swells_on_the_side_away_from_the_light():
    scene = scene_of(lambda time: Pose(np.eye(3)), shapes=[Blob("root", ellipse(0, 0, 30, count=60), "thing")],
                     style=styles.Style(line=2.0, swell=0.6))  # fmt: skip
    lines = mask_lines(scene.drawing, scene.cel(0, 200, 200))
    assert lines[100:, 100:].sum() > 2 * lines[:100, :100].sum()


def test_words_stay_while_the_picture_moves():
    scene = scene_of(lambda time: Pose(place(40 * time, 0)), camera=lambda time: (20 * time, 0, 1), title="Stop!")
    first, _, motion = motion_of(scene, 160)
    words = first.patches == len(scene.drawing.runs)
    assert words.sum() > 50
    assert np.all(motion.flow[words] == 0) and motion.visible[words].all() and motion.known[words].all()
    assert scene.colour(first)[words].max() > 240
    flow = motion.flow[150, 5]
    assert np.allclose(flow, (-32, 0), atol=1e-3)


def test_a_drawing_can_be_held_while_the_camera_goes_on():
    scene = compose("chase", 3)
    moved = scene.cel(0.50, 160, 90, drawn=0.48)
    held = scene.cel(0.48, 160, 90, drawn=0.48)
    motion = follow(held, moved)
    assert np.abs(motion.flow[..., 1]).max() < 1e-3  # no limb moves: all that is left is the pan
    assert np.abs(motion.flow[..., 0]).min() > 0.2


@pytest.mark.parametrize("name", sorted(styles.STYLES))
def test_every_style_draws_the_house_pair(name):
    picture = compose("chase", 1, name).picture(0.4, 120, 80)
    assert picture.shape == (80, 120, 3) and picture.dtype == np.uint8
    assert picture.std() > 8
    if styles.STYLES[name].line_colour is None or name == "house":
        return
    assert np.abs(picture.astype(int) - compose("chase", 1, "house").picture(0.4, 120, 80)).mean() > 1


@pytest.mark.parametrize("name", sorted(props.PROPS))
def test_every_prop_is_drawn_and_moves_without_leaving_itself(name):
    prop = props.PROPS[name](np.random.default_rng(5))
    actor = Actor(prop.puppet, lambda time: prop.pose(place(0, 0, 0, 1.5), time))
    scene = Scene(FLAT, sheet(), (actor,), lambda time: STILL)
    cels = [scene.cel(time, 96, 96) for time in (0.0, 0.2)]
    for cel in cels:
        assert (cel.patches > 0).mean() > 0.01
    motion = follow(*cels)
    assert motion.known.all()
    if prop.moves:
        assert np.abs(motion.flow[cels[0].patches > 0]).max() > 0.3
    assert np.all(motion.flow[cels[0].patches == 0] == 0)


@pytest.mark.parametrize("name", sorted(backgrounds.BACKGROUNDS))
def test_every_background_fills_the_picture_wherever_the_camera_is(name):
    for seed in range(3):
        where = backgrounds.BACKGROUNDS[name](np.random.default_rng(seed))
        for x, y, near in ((0, 0, 0.76), (110, 14, 0.76), (-110, -14, 0.76), (30, 0, 2.5)):
            scene = Scene(styles.STYLES["house"], where, (), lambda time, at=(x, y, near): at)
            cel = scene.cel(0, 160, 90)
            assert cel.cells.max() < len(scene.drawing.runs)
            if name != "plain":
                assert len(np.unique(cel.patches)) > 5


@pytest.mark.parametrize("name", sorted(actions.ACTIONS))
@pytest.mark.parametrize("who", sorted(cast.CAST))
def test_feet_neither_sink_nor_float(name, who):
    puppet = cast.CAST[who](np.random.default_rng(2))
    for phase in np.linspace(0, 1, 9):
        acting = actions.ACTIONS[name](float(phase), 0.3)
        pose = stand(puppet, acting, 7, 30, 50, faces=-1)
        assert puppet.lowest(pose) == pytest.approx(30 - acting.rise * 50)
        assert acting.rise >= 0
        assert set(acting.turns) | set(acting.sizes) | set(acting.shifts) <= {joint.name for joint in puppet.joints}


@pytest.mark.parametrize("name", sorted(actions.ACTIONS))
def test_actions_come_round(name):
    one, next_one = (actions.ACTIONS[name](phase, 0.5) for phase in (0.3, 1.3))
    for joint, turn in one.turns.items():
        assert np.sin(np.radians(turn)) == pytest.approx(np.sin(np.radians(next_one.turns[joint])), abs=1e-9)


@pytest.mark.parametrize("name", sorted(textures.TEXTURES))
def test_textures_fit_to_themselves(name):
    tile = textures.texture(name)
    assert tile.shape == (textures.TILE, textures.TILE) and 0.2 < tile.std() < 2
    inner = np.abs(np.diff(tile, axis=1)).mean(0)
    seam = np.abs(tile[:, 0] - tile[:, -1]).mean()
    assert seam <= inner.max() * 1.5


@pytest.mark.parametrize("name", sorted(composition.SCENES))
def test_a_scene_is_a_function_of_its_seed(name):
    picture = compose(name, 11).picture(0.7, 96, 64)
    other = compose(name, 11)
    other.picture(1.3, 96, 64)  # what else was drawn before does not matter
    assert np.array_equal(picture, other.picture(0.7, 96, 64))
    assert not np.array_equal(picture, compose(name, 12).picture(0.7, 96, 64))


def test_samples_are_what_they_say():
    sample = samples.draw_sample(1, 6, 96, worn=False)
    again = samples.draw_sample(1, 6, 96, worn=False)
    samples.draw_sample(1, 40, 96)
    for name in ("first", "middle", "last"):
        picture = getattr(sample, name)
        assert picture.shape == (96, 96, 3) and picture.dtype == np.uint8
        assert np.array_equal(picture, getattr(again, name))
    assert 0 < sample.t < 1
    assert sample.forward.flow.shape == (96, 96, 2) and sample.forward.flow.dtype == np.float32
    assert np.array_equal(sample.forward.flow, again.forward.flow)
    assert not (sample.forward_observable & ~sample.forward.known).any()


def test_samples_reach_from_less_than_a_pixel_to_large_motion_in_many_styles():
    drawn = [samples.draw_sample(9, 4 * number, 96) for number in range(60)]
    reach = np.array([np.percentile(np.hypot(*s.forward.flow.transpose(2, 0, 1)), 95) for s in drawn])
    assert (reach < 1).sum() >= 2 and (reach > 15).sum() >= 5  # of 96 pixels
    assert 0.6 < np.mean([s.forward.visible.mean() for s in drawn]) < 0.98
    assert 0.6 < np.mean([s.forward_observable.mean() for s in drawn]) < 0.99
    assert len({samples._scene(9, number).style for number in range(40)}) > 15


def test_wear_changes_the_pictures_and_not_the_truth():
    changed = 0
    for number in range(12):
        clean, worn = (samples.draw_sample(4, number, 64, worn=each) for each in (False, True))
        assert np.array_equal(clean.forward.flow, worn.forward.flow) and clean.t == worn.t
        difference = np.abs(clean.first.astype(int) - worn.first).mean()
        changed += difference > 0
        assert difference < 12
    assert 2 <= changed <= 10


def test_batches_depend_on_the_step_and_not_on_the_workers():
    here = load_cartoons(3, 48, 3)
    batches = [next(here) for _ in range(4)]
    assert batches[0].frames.shape == (3, 3, 3, 48, 48) and batches[0].frames.dtype.itemsize == 1
    assert batches[0].forward.shape == (3, 2, 48, 48) and batches[0].forward_visible.shape == (3, 1, 48, 48)
    away = load_cartoons(3, 48, 3, workers=2)
    for one, other in zip(batches, away, strict=False):
        assert all(bool((a == b).all()) for a, b in zip(one[:8], other[:8], strict=True))
    resumed = next(load_cartoons(3, 48, 3, first_step=2))
    assert all(bool((a == b).all()) for a, b in zip(batches[2][:8], resumed[:8], strict=True))

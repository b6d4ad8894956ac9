"""Edit lists: EDL and OTIO of shots, read again by OpenTimelineIO, and cuts taken from them."""

import json
from fractions import Fraction

import numpy as np
import opentimelineio as otio
import pytest

from animi.core.errors import InputError
from animi.core.material.edit_lists import Shot, list_shots, read_edit_list, write_edl, write_otio
from animi.core.media.encode import write_video

NTSC = Fraction(24000, 1001)
SHOTS = [Shot(0, 24, False), Shot(24, 60, True), Shot(70, 96, False)]


@pytest.mark.parametrize("rate", [Fraction(24), Fraction(25), NTSC, Fraction(30000, 1001)])
def test_otio_is_read_by_opentimelineio(rate):
    timeline = otio.adapters.read_from_string(write_otio("フィルム #1.mp4", SHOTS, rate), "otio_json")
    track = timeline.video_tracks()[0]
    clips = list(track.find_clips())
    assert [clip.name for clip in clips] == ["shot 0", "shot 1", "shot 2"]
    starts = [clip.range_in_parent().start_time.value for clip in clips]
    assert starts == [0, 24, 70]
    assert [clip.source_range.duration.value for clip in clips] == [24, 36, 26]
    assert clips[0].source_range.duration.rate == pytest.approx(float(rate))
    assert clips[0].media_reference.target_url == "%E3%83%95%E3%82%A3%E3%83%AB%E3%83%A0%20%231.mp4"


def test_edl_is_read_by_its_adapter():
    timeline = otio.adapters.read_from_string(write_edl("a\nb.mp4", SHOTS, Fraction(24)), "cmx_3600", rate=24)
    clips = list(timeline.find_clips())
    assert [clip.name for clip in clips] == ["a_b.mp4"] * 3
    assert [clip.source_range.start_time.value for clip in clips] == [0, 24, 70]
    assert [clip.source_range.duration.value for clip in clips] == [24, 36, 26]


@pytest.mark.parametrize("rate", [Fraction(24), NTSC])
@pytest.mark.parametrize("kind", ["edl", "otio"])
def test_lists_lead_back_to_their_cuts(tmp_path, rate, kind):
    path = tmp_path / f"a.{kind}"
    path.write_text((write_edl if kind == "edl" else write_otio)("a.mp4", SHOTS, rate))
    times = read_edit_list(path).times(rate)
    wanted = [0, 24, 70] if kind == "edl" else [0, 24, 60, 70]  # an OTIO has its gaps
    assert times == pytest.approx([number / float(rate) for number in wanted], abs=1e-9)


@pytest.mark.parametrize("kind", ["otio_json", "cmx_3600"])
def test_lists_of_opentimelineio_are_read(tmp_path, kind):
    timeline = otio.schema.Timeline("cut")
    track = otio.schema.Track("V", kind="Video")
    for number, frames in enumerate((48, 12, 30)):
        span = otio.opentime.TimeRange(otio.opentime.RationalTime(100, 24), otio.opentime.RationalTime(frames, 24))
        track.append(otio.schema.Clip(f"c{number}", source_range=span))
    timeline.tracks.append(track)
    path = tmp_path / ("a.otio" if kind == "otio_json" else "a.edl")
    options = {} if kind == "otio_json" else {"rate": 24}
    path.write_text(otio.adapters.write_to_string(timeline, kind, **options))
    assert read_edit_list(path).times(Fraction(24)) == [0, 2, 2.5]


def test_programmes_begin_at_an_hour_and_have_sound_and_dissolves(tmp_path):
    path = tmp_path / "a.edl"
    path.write_text(
        "\ufeffTITLE: X\r\nFCM: NON-DROP FRAME\r\n\r\n"
        "001  AX       AA    C        00:00:00:00 00:00:09:00 01:00:00:00 01:00:09:00\r\n"
        "002  R1       V     C        00:00:00:00 00:00:02:12 01:00:00:00 01:00:02:12\r\n"
        "003  R1       V     C        00:00:02:12 00:00:02:12 01:00:02:12 01:00:02:12\r\n"
        "003  R2       V     D    012 00:00:00:00 00:00:01:00 01:00:02:12 01:00:03:12\r\n"
        "* FROM CLIP NAME: 001 V C\r\n",
        encoding="utf-8",
    )
    assert read_edit_list(path).times(Fraction(24)) == [0, 2.5]


def test_drop_frame_numbers_are_counted_out(tmp_path):
    path = tmp_path / "a.edl"
    path.write_text(
        "FCM: DROP FRAME\n001  AX V C 00:01:00;02 00:02:00;02 00:01:00;02 00:02:00;02\n"
        "002  AX V C 00:00:00;00 00:00:01;00 00:10:00;00 00:10:01;00\n"
    )
    rate = Fraction(30000, 1001)
    assert read_edit_list(path).times(rate) == [float(1800 / rate), float(17982 / rate)]


def test_a_list_of_more_frames_a_second_than_the_film_is_named(tmp_path):
    path = tmp_path / "a.edl"
    path.write_text("001  AX V C 00:00:00:29 00:00:02:00 00:00:00:29 00:00:02:00\n")
    with pytest.raises(InputError, match="frame 29"):
        read_edit_list(path).times(Fraction(24))
    with pytest.raises(InputError, match="no rate"):
        read_edit_list(path).times(None)


def test_shots_end_where_the_next_begins_if_nothing_is_left_out():
    shots = [
        {"first": 0.0, "last": 23 / 24, "transition": None}, {"first": 1.0, "last": 2.0, "transition": "dissolve"},
        {"first": 3.0, "last": 4.0, "transition": None},
    ]  # fmt: skip
    assert list_shots(shots, Fraction(24), 1 / 24) == [Shot(0, 24, False), Shot(24, 49, True), Shot(72, 97, False)]
    assert list_shots(shots, Fraction(24), 1.0)[1] == Shot(24, 72, True)  # a frame each second was looked at


def nest(levels):
    item = {"OTIO_SCHEMA": "Gap.1", "source_range": None}
    for _ in range(levels):
        item = {"OTIO_SCHEMA": "Stack.1", "children": [item]}
    return item


def otio_of(*items):
    track = {"OTIO_SCHEMA": "Track.1", "kind": "Video", "children": list(items)}
    return json.dumps({"OTIO_SCHEMA": "Timeline.1", "tracks": {"OTIO_SCHEMA": "Stack.1", "children": [track]}})


def clip(value, rate):
    time = {"OTIO_SCHEMA": "RationalTime.1", "value": value, "rate": rate}
    return {"OTIO_SCHEMA": "Clip.2", "source_range": {"start_time": time, "duration": time}}


BAD = {
    "nothing.edl": "",
    "text.edl": "001 this is no list",
    "times.edl": "001  AX V C 00:99:00:00 00:02:00:00 00:99:00:00 00:02:00:00",
    "sound.edl": "001  AX A C 00:00:00:00 00:02:00:00 00:00:00:00 00:02:00:00",
    "nothing.otio": "",
    "list.otio": "[]",
    "cut.otio": otio_of(clip(3, 24))[:-30],
    "no_track.otio": json.dumps({"OTIO_SCHEMA": "Timeline.1", "tracks": {"OTIO_SCHEMA": "Stack.1", "children": []}}),
    "empty.otio": otio_of(),
    "no_length.otio": otio_of({"OTIO_SCHEMA": "Clip.1", "source_range": None, "media_reference": {}}),
    "no_number.otio": otio_of(clip("3", 24)),
    "no_rate.otio": otio_of(clip(3, 0)),
    "endless.otio": otio_of(clip(1e300, 24)),
    "nested.otio": otio_of(nest(30)),
    "very_nested.otio": "[" * 100_000,
    "other.otio": otio_of({"OTIO_SCHEMA": "Marker.1"}),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_lists_end_in_one_line(tmp_path, name):
    (tmp_path / name).write_text(BAD[name])
    with pytest.raises(InputError) as error:
        read_edit_list(tmp_path / name)
    assert "\n" not in str(error.value) and name in str(error.value)


def test_extract_frames_writes_and_takes_lists(animi, tmp_path):
    grounds = np.random.default_rng(2).integers(0, 256, (4, 6, 8, 3)).astype(np.uint8).repeat(8, 1).repeat(8, 2)
    frames = [ground.copy() for ground in grounds for _ in range(12)]
    for number, frame in enumerate(frames):
        frame[8:20, number % 12 : 12 + number % 12] = (200, 30, 30)
    write_video(tmp_path / "film.mp4", frames, fps=NTSC, size=(64, 48))
    words = ("extract-frames", tmp_path / "film.mp4", "--size", 32)
    assert animi(*words, "-o", tmp_path / "auto").exit_code == 0
    folder = tmp_path / "auto" / "film"
    shots = json.loads((folder / "shots.json").read_text())
    assert len(shots) == 4
    track = otio.adapters.read_from_file(str(folder / "cuts.otio")).video_tracks()[0]
    assert [each.source_range.start_time.value for each in track.find_clips()] == [0, 12, 24, 36]
    assert "00:00:01:12" in (folder / "cuts.edl").read_text()
    for suffix in ("edl", "otio"):
        (folder / f"cuts.{suffix}").rename(tmp_path / f"mine.{suffix}")
        done = animi(*words, "-o", tmp_path / suffix, "--cuts", tmp_path / f"mine.{suffix}")
        assert done.exit_code == 0, done.stderr
        found = json.loads((tmp_path / suffix / "film" / "shots.json").read_text())
        assert [shot["first"] for shot in found] == [shot["first"] for shot in shots]
    again = tmp_path / "edl" / "film" / "cuts.edl"
    before = again.read_bytes()
    done = animi(*words, "-o", tmp_path / "edl", "--cuts", again, "--overwrite")
    assert done.exit_code == 0 and again.read_bytes() == before
    bad = animi(*words, "-o", tmp_path / "bad", "--cuts", tmp_path / "none.edl")
    assert bad.exit_code == 1 and "none.edl" in bad.stderr

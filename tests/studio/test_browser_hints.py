"""Hints, doubt and kept frames on the page of `animi studio`, in a real browser, used as a person uses them."""

import base64
import io
import json
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from animi.core.media.image_files import write_png

pytestmark = pytest.mark.xdist_group("browser")  # one process, and so one browser

BROWSING = SimpleNamespace(**run_path(str(Path(__file__).with_name("browsing.py"))))
downloads, window, address, studio = BROWSING.downloads, BROWSING.window, BROWSING.address, BROWSING.studio
SCENE = SimpleNamespace(**run_path(str(Path(__file__).with_name("hinting.py"))))
draw_scene, miss = SCENE.draw_scene, SCENE.miss
button = BROWSING.button


class Desk:
    """The desk of hints, in a person's hands. Places are in pixels of the drawings."""

    def __init__(self, studio):
        self.studio, self.driver = studio, studio.driver

    def open(self, first, last, folder, moment=0.25):
        """Drops two drawings, goes to a moment, and opens the desk."""
        for name, frame in (("one", first), ("two", last)):
            write_png(folder / f"{name}.png", frame)
        self.studio.fill("count", "5")
        self.studio.drop_and_see(folder / "one.png", folder / "two.png")
        while f"t = {moment:.3f}" not in self.studio("readout").text:
            self.studio("forth").click()
        self.studio("hinting").click()
        self.studio.until(lambda: len(self.studio.all("#boards canvas[data-shows]")) == 2)
        return self

    def hand(self, *acts):
        """Moves the mouse: ("move" | "down" | "up", board, (x, y))."""
        chain = ActionChains(self.driver, duration=30)
        for act, board, place in acts:
            canvas = self.studio(("board-first", "board-last")[board])
            wide, high = canvas.size["width"], canvas.size["height"]
            x, y = ((place[k] + 0.5) / SCENE.SIZE[k] * (wide, high)[k] - (wide, high)[k] / 2 for k in range(2))
            chain.move_to_element_with_offset(canvas, round(x), round(y))
            if act == "down":
                chain.click_and_hold()
            elif act == "up":
                chain.release()
        chain.perform()

    def drag(self, *way):
        """Drags from one (board, place) over others to the last."""
        first, *rest = way
        self.hand(("down", *first), *(("move", *step) for step in rest), ("up", *rest[-1]))

    def click(self, board, place):
        self.hand(("down", board, place), ("up", board, place))

    def edited(self, change):
        """Makes a change, and waits until the frame shown has been drawn anew; gives the picture."""
        self.driver.execute_script("delete document.documentElement.dataset.redrawn")
        change()
        self.studio.until(lambda: self.studio.all("html[data-redrawn]"))
        return self.picture()

    def picture(self):
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(self.studio.picture().partition(",")[2]))))

    def hints(self):
        return self.driver.execute_script(
            "return [...document.querySelectorAll('#hint-list li')].map((item) => item.firstChild.textContent)"
        )


@pytest.fixture
def desk(studio):
    return Desk(studio)


CROSS_BEFORE, CROSS_AFTER = ((60, 50), (60, 110)), ((180, 50), (180, 110))
STRAIGHT, CROSSED = draw_scene((90, 50), (90, 110)), draw_scene((90, 65), (90, 95))


def test_hints_are_clicked_dragged_and_undone(desk, studio, tmp_path, downloads):
    desk.open(draw_scene(*CROSS_BEFORE), draw_scene(*CROSS_AFTER), tmp_path)
    plain = desk.picture()
    assert miss(plain, CROSSED) > 0.02

    desk.click(0, (60, 50))  # half a hint is given up
    studio.until(lambda: studio("half").is_displayed())
    studio("board-first").send_keys(Keys.ESCAPE)
    assert not studio("half").is_displayed() and not desk.hints()

    desk.click(0, (60, 50))
    one = desk.edited(lambda: desk.click(1, (180, 110)))  # 1: click and click
    assert miss(one, CROSSED) < miss(plain, CROSSED)
    two = desk.edited(lambda: desk.drag((0, (60, 110)), (1, (100, 80)), (1, (180, 50))))  # 2: from board to board
    assert miss(two, CROSSED) < 0.002 < miss(two, STRAIGHT) and len(desk.hints()) == 2
    command = studio("command").text
    assert command.count("--hint '") == 2 and command.endswith("' -o out.gif")

    back = desk.edited(studio("undo").click)  # 3: undone
    assert np.array_equal(back, one)
    again = desk.edited(lambda: studio("board-first").send_keys(Keys.CONTROL + "y" + Keys.NULL))  # 4: and redone
    assert np.array_equal(again, two)

    far = desk.edited(lambda: desk.drag((1, (180, 50)), (1, (185, 70)), (1, (192, 62))))  # 5: an end is dragged
    assert not np.array_equal(far, two) and "192" in desk.hints()[1]
    desk.edited(lambda: studio.all("#hint-list li:last-child button")[-1].click())  # 6: and deleted
    assert len(desk.hints()) == 1
    desk.edited(lambda: desk.drag((0, (60, 110)), (1, (180, 50))))

    studio("save-hints").click()
    path = studio.downloaded(downloads, "hints.json")
    told = json.loads(path.read_text())
    assert told["size"] == [240, 160] and len(told["pairs"][0]["tracks"]) == 2
    path.unlink()
    studio.driver.refresh()  # they are saved with the session
    studio.until(lambda: "drawn with" in studio("status").text)
    studio.stop()
    studio("hinting").click()
    studio.until(lambda: len(desk.hints()) == 2)


def test_hints_that_were_saved_are_loaded_dropped_and_drawn_with(desk, studio, tmp_path, downloads):
    desk.open(draw_scene(*CROSS_BEFORE), draw_scene(*CROSS_AFTER), tmp_path)
    plain = desk.picture()
    desk.edited(lambda: desk.drag((0, (60, 50)), (1, (180, 110))))
    crossed = desk.edited(lambda: desk.drag((0, (60, 110)), (1, (180, 50))))
    given = desk.hints()
    studio("save-hints").click()
    path = studio.downloaded(downloads, "hints*.json").rename(tmp_path / "crossed.json")
    for _ in range(2):
        desk.edited(lambda: studio.all("#hint-list li:last-child button")[-1].click())
    assert np.array_equal(desk.picture(), plain)

    loaded = desk.edited(lambda: studio("load-hints").send_keys(str(path)))
    assert desk.hints() == given and np.array_equal(loaded, crossed) and miss(loaded, CROSSED) < 0.002
    assert np.array_equal(desk.edited(studio("undo").click), plain) and not desk.hints()
    studio("hinting").click()
    dropped = desk.edited(lambda: drop_file(studio, path))
    assert desk.hints() == given and np.array_equal(dropped, crossed) and studio("desk").is_displayed()

    for name, text, words in (
        ("bad.json", "{", "bad.json: Expecting property name"),
        ("far.json", '{"pairs": [{"tracks": [[[9000, 0], [1, 1]]]}]}', "far.json: pair 0, track 0: 9000,0 is outside"),
        ("hints.zip", "PK", "hints.zip: unpack it, and load the hints.json that is in it."),
        ("vast.json", " " * 300_000, "vast.json: is too large for a file of hints."),
    ):
        (tmp_path / name).write_text(text)
        studio("load-hints").send_keys(str(tmp_path / name))
        studio.until(lambda words=words: words in studio("messages").text)
        assert len(studio.all("#messages p")) == 1 and desk.hints() == given


def drop_file(studio, path):
    """Drops a file on the page, which a browser's driver cannot do by hand: the event is made in the page."""
    studio.driver.execute_script(
        "const data = new DataTransfer(); data.items.add(new File([arguments[0]], arguments[1]));"
        "dispatchEvent(new DragEvent('drop', { dataTransfer: data, cancelable: true }))",
        path.read_text(), path.name,
    )  # fmt: skip


def test_the_command_has_hints_only_where_the_engine_takes_them(window, tmp_path):
    from animi.core.weights.checkpoint import save_checkpoint  # torch is slow to import
    from animi.models.autoencoder import DeepAutoEncoder, DeepAutoEncoderConfig
    from animi.models.latent_inbetweener import LatentInbetweener

    checkpoint = tmp_path / "mine.safetensors"
    config = DeepAutoEncoderConfig(width=4, depth=1)
    save_checkpoint(checkpoint, LatentInbetweener(config, DeepAutoEncoder(config)), "deep-autoencoder", config)
    with BROWSING.BROWSER.serve_studio("--checkpoint", str(checkpoint), "--device", "cpu") as address:
        window.get(address)
        studio = BROWSING.Studio(window)
        studio.until(studio.is_ready)
        desk = Desk(studio).open(draw_scene(*CROSS_BEFORE), draw_scene(*CROSS_AFTER), tmp_path)
        desk.edited(lambda: desk.drag((0, (60, 50)), (1, (180, 110))))
        for engine, takes in (("flow", True), ("mine.safetensors", False), ("motion", True), ("blend", False)):
            Select(studio("engine")).select_by_value(engine)
            studio.until(lambda engine=engine: f"drawn with {engine}" in studio("status").text)
            assert ("--hint '" in studio("command").text) == takes, engine


def test_a_path_is_bent_by_its_middle_and_its_hint_is_marked_as_gone_or_stays(desk, studio, tmp_path):
    desk.open(draw_scene((60, 80)), draw_scene((180, 80)), tmp_path, moment=0.5)
    desk.edited(lambda: desk.drag((0, (60, 80)), (1, (180, 80))))
    bent = desk.edited(lambda: desk.drag((0, (120, 80)), (0, (120, 60)), (0, (120, 40))))  # 7: an arc
    assert miss(bent, draw_scene((120, 40))) < 0.004 < miss(bent, draw_scene((120, 80)))
    straight = desk.edited(lambda: button(studio, "Straight: hint 1").click())
    assert miss(straight, draw_scene((120, 80))) < 0.004
    gone = desk.edited(lambda: button(studio, "Gone: hint 1").click())  # 8: it goes, and something else comes
    assert miss(gone, draw_scene((120, 80))) > 0.005
    half = gone
    studio("back").click()  # before the middle, where it is still shown
    studio.until(lambda: not np.array_equal(desk.picture(), half))
    gone = desk.picture()
    stays = desk.edited(lambda: button(studio, "Stays: hint 1").click())
    assert "stays" in desk.hints()[0] and not np.array_equal(stays, gone)


def test_what_stays_is_painted(desk, studio, tmp_path):
    # what is painted jumps instead of moving, and the other disc still moves
    one, other = (draw_scene((x, 50), (x, 110, SCENE.BLUE)) for x in (60, 76))
    desk.open(one, other, tmp_path)
    assert miss(desk.picture(), draw_scene((64, 50), (64, 110, SCENE.BLUE))) < 0.004
    studio.driver.execute_script("document.getElementById('brush').value = 20")
    studio.all("#tools input[value=still]")[0].click()
    painted = desk.edited(lambda: desk.drag((0, (50, 50)), (0, (68, 51)), (0, (88, 50))))  # 9: a stroke
    assert miss(painted, draw_scene((60, 50), (64, 110, SCENE.BLUE))) < 0.004
    assert "--hints hints.json" in studio("command").text
    studio.all("#tools input[value=erase]")[0].click()
    erased = desk.edited(lambda: desk.drag((1, (50, 50)), (1, (68, 51)), (1, (88, 50))))
    assert miss(erased, draw_scene((64, 50), (64, 110, SCENE.BLUE))) < 0.004
    assert len(studio.all("#hint-list li")) == 1  # strokes, though nothing is left of what they painted


def test_a_match_of_animis_own_is_dragged_to_where_it_belongs(desk, studio, tmp_path):
    desk.open(draw_scene(*CROSS_BEFORE), draw_scene(*CROSS_AFTER), tmp_path)
    studio("own").click()
    count = int(studio.until(lambda: studio.driver.execute_script("return document.documentElement.dataset.matches")))
    assert count >= 2
    studio("next-match").click()
    assert "animi's match 1" in studio("half-note").text
    heads = studio.driver.execute_async_script("""
        const done = arguments[0], session = `/api/sessions/${sessionStorage.getItem("session")}`;
        fetch(`${session}/matches`, { method: "POST", body: JSON.stringify({ position: 0.25 }) })
          .then((answer) => answer.json()).then(done);
    """)["matches"]
    (tail, head) = min(heads, key=lambda match: abs(match[0][0] - 60) + abs(match[0][1] - 50))
    assert abs(tail[0] - 60) < 5 and abs(tail[1] - 50) < 5
    board = 1 if abs(head[1] - 50) < 20 else 0
    desk.edited(lambda: desk.drag((board, head), (1, (180, 100)), (1, (180, 110))))  # 10: a wrong one is dragged
    assert "→ 180,110" in desk.hints()[0]
    shown = desk.edited(lambda: desk.drag((0, (60, 110)), (1, (180, 50))))
    assert miss(shown, CROSSED) < 0.002 < miss(shown, STRAIGHT)


def test_hints_are_given_by_keys_alone(desk, studio, tmp_path):
    desk.open(draw_scene(*CROSS_BEFORE), draw_scene(*CROSS_AFTER), tmp_path)
    studio.driver.execute_script("document.getElementById('board-first').focus()")

    def at_cross():
        return studio.driver.switch_to.active_element

    # the cross begins in the middle, at 120,80; Shift goes by ten
    at_cross().send_keys(Keys.SHIFT, *[Keys.ARROW_LEFT] * 6, *[Keys.ARROW_UP] * 3, Keys.NULL, Keys.ENTER)
    assert at_cross().get_attribute("id") == "board-last"
    keys = [Keys.SHIFT, *[Keys.ARROW_RIGHT] * 12, *[Keys.ARROW_DOWN] * 6, Keys.NULL, Keys.ENTER]
    desk.edited(lambda: at_cross().send_keys(*keys))
    assert desk.hints()[0].startswith("1: 60,50 → 180,110")
    studio.all("#hint-list li button")[0].click()
    assert at_cross().text.startswith("1: 60,50")  # it keeps the focus
    desk.edited(lambda: at_cross().send_keys(Keys.SHIFT + Keys.ARROW_UP + Keys.NULL))
    assert desk.hints()[0].startswith("1: 60,50 → 180,100")
    desk.edited(lambda: at_cross().send_keys(Keys.DELETE))
    assert not desk.hints()
    studio("board-first").send_keys("+")
    studio("board-first").send_keys("-")


def test_the_desk_closes_without_two_key_frames_and_opens_with_them_again(desk, studio, tmp_path):
    desk.open(draw_scene(*CROSS_BEFORE), draw_scene(*CROSS_AFTER), tmp_path)
    studio("clear").click()
    studio.until(lambda: not studio("desk").is_displayed())
    studio.drop(tmp_path / "one.png")
    studio.until(lambda: len(studio.all("#keys li")) == 1)
    assert not studio("desk").is_displayed()
    studio.driver.execute_script("delete document.getElementById('board-first').dataset.shows")
    studio.drop(tmp_path / "two.png")
    studio.until(lambda: studio("desk").is_displayed() and studio.all("#board-first[data-shows]"))
    desk.edited(lambda: desk.drag((0, (60, 50)), (1, (180, 110))))
    assert len(desk.hints()) == 1


def test_the_desk_waits_for_key_frames_that_can_be_drawn_between(studio, tmp_path):
    for name in ("one", "two"):
        write_png(tmp_path / f"{name}.png", draw_scene(*CROSS_BEFORE))
    Select(studio("engine")).select_by_value("blend")
    reject = """
        const fetch_ = window.fetch;
        const lead = (path) => (path.endsWith('/draw') && !window.mayDraw ? '/api/nothing' : path);
        window.fetch = (path, ...more) => fetch_(lead(path), ...more);
    """
    studio.driver.execute_script(reject)
    studio.drop(tmp_path / "one.png", tmp_path / "two.png")
    studio.until(lambda: "The studio answered with the error 404" in studio("messages").text)
    studio("hinting").click()  # nothing is drawn, and so there are no key frames to give hints of
    assert not studio("desk").is_displayed()
    studio.driver.execute_script("window.mayDraw = true")
    studio.redrawn(lambda: studio.fill("count", "3"))
    assert studio("desk").is_displayed() and studio("messages").text == ""


def test_bad_hints_are_told_in_one_line_and_taken_back(desk, studio, tmp_path):
    desk.open(draw_scene(*CROSS_BEFORE), draw_scene(*CROSS_AFTER), tmp_path)
    desk.edited(lambda: desk.drag((0, (60, 50)), (1, (180, 110))))
    studio("zoom-in").click()
    studio("zoom-out").click()
    desk.click(0, (60, 70))
    desk.edited(lambda: desk.click(1, (180, 90)))
    desk.drag((0, (60, 70)), (0, (60, 60)), (0, (60, 50)))  # onto the first one, which leads elsewhere
    studio.until(lambda: "leads elsewhere than hint 1" in studio("messages").text)
    assert "60,70" in desk.hints()[1]


def test_doubt_is_shown_and_the_worst_frame_found(desk, studio, tmp_path):
    first, last = draw_scene((60, 110)), draw_scene((66, 110))
    first[30:70, 160:210], last[40:80, 160:210] = (30, 160, 60), (240, 200, 40)
    desk.open(first, last, tmp_path)
    plain = desk.picture()
    studio("worst").click()
    studio.until(lambda: "The most doubtful place in this frame is marked" in studio("status").text)
    studio.until(lambda: studio.all("html[data-heat]"))
    shown = desk.picture()
    changed = np.abs(shown[..., :3].astype(int) - plain[..., :3]).max(2) > 60
    assert changed[30:80, 155:215].mean() > 0.2
    studio("doubt").click()
    assert not studio("doubt").is_selected()

    def count_searches():
        return studio.driver.execute_async_script("""
            const done = arguments[0];
            fetch(`/api/sessions/${sessionStorage.getItem("session")}/jobs`).then((answer) => answer.json())
              .then(({ jobs }) => done(jobs.filter(({ kind }) => kind === "doubt").length));
        """)

    for change in (lambda: studio.fill("count", "4"), lambda: Select(studio("engine")).select_by_value("flow")):
        before = count_searches()
        studio.redrawn(change)
        studio("worst").click()  # what was found was found in other frames
        studio.until(lambda before=before: count_searches() == before + 1)
        studio.until(lambda: "The most doubtful place" in studio("status").text)
        assert any(f"t = {t}" in studio("readout").text for t in ("0.333", "0.667"))
    studio("worst").click()  # the next one of the same list
    assert count_searches() == before + 1

    studio.driver.refresh()  # what was asked for before goes nowhere now
    studio.until(lambda: "drawn with" in studio("status").text)
    assert not studio("doubt").is_selected() and studio("play").get_attribute("aria-label") == "Stop"  # it plays


def test_a_frame_is_exchanged_and_another_kept(desk, studio, tmp_path):
    desk.open(draw_scene((60, 80)), draw_scene((180, 80)), tmp_path, moment=0.5)
    mine = draw_scene((120, 30))
    write_png(tmp_path / "mine.png", mine)
    studio.redrawn(lambda: studio("exchange").send_keys(str(tmp_path / "mine.png")))
    studio.until(lambda: np.array_equal(desk.picture()[..., :3], mine))
    studio.until(lambda: "mine.png: kept at t = 0.500" in studio("kept").text)
    assert "one.png mine.png two.png --sheet sheet.csv" in studio("command").text
    while "t = 0.250" not in studio("readout").text:
        studio("back").click()
    assert miss(desk.picture(), draw_scene((90, 55))) < 0.01  # half of the way to it
    studio("keep").click()
    studio.until(lambda: len(studio.all("#kept li")) == 2)
    again = studio.all("#kept li:first-child button")[0]
    studio.driver.execute_script("arguments[0].focus()", again)
    studio.driver.execute_script("arguments[0].dispatchEvent(new Event('change'))", studio("own"))
    assert studio.driver.switch_to.active_element == again  # it stays while all around it is drawn anew
    again.click()
    studio.until(lambda: len(studio.all("#kept li")) == 1)

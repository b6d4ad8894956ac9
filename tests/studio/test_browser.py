"""The page of `animi studio` in a real browser, used as a person uses it."""

import base64
import io
import json
import time
from contextlib import suppress
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from animi.core.media.decode import probe_video
from animi.core.media.image_files import write_png

pytestmark = pytest.mark.xdist_group("browser")  # one process, and so one browser

BROWSER = SimpleNamespace(**run_path(str(Path(__file__).parents[1] / "browser.py")))
SCENE = SimpleNamespace(**run_path(str(Path(__file__).with_name("hinting.py"))))
draw_scene, miss = SCENE.draw_scene, SCENE.miss


@pytest.fixture(scope="module")
def downloads(tmp_path_factory):
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def window(downloads):
    """A browser; one for all of this file."""
    reason = BROWSER.install_browser()
    if reason is not None:
        pytest.skip(reason)
    with BROWSER.open_browser(downloads) as driver:
        yield driver


@pytest.fixture(scope="module")
def address():
    with BROWSER.serve_studio() as address:
        yield address


@pytest.fixture
def studio(window, address):
    """The page, opened anew; at the end nothing may have gone wrong in its script, and nothing come from elsewhere."""
    BROWSER.show_as(window, 1280, 900)
    window.get(address)
    window.execute_script("sessionStorage.clear()")
    window.get(address)
    page = Studio(window)
    page.until(page.is_ready)
    assert page("version").text.startswith("animi ")
    yield page
    said = [entry["message"] for entry in window.get_log("browser") if entry["source"] != "network"]
    assert not said
    fetched = window.execute_script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    base = address.partition("?")[0]
    assert fetched and all(name.startswith((base, f"blob:{base}")) for name in fetched)
    assert window.current_url == base  # the token does not stay to be seen


class Studio:
    """A person's eyes and hands."""

    def __init__(self, driver):
        self.driver = driver

    def __call__(self, id):
        return self.driver.find_element(By.ID, id)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def until(self, true, seconds=60):
        """Waits; gives what `true` gave in the end."""
        end = time.monotonic() + seconds
        while True:
            with suppress(StaleElementReferenceException, NoSuchElementException):  # a page that is just being loaded
                if found := true():
                    return found
            assert time.monotonic() < end, (self("status").text, self("messages").text)
            time.sleep(0.05)

    def is_ready(self):
        """Whether the page has its session and listens."""
        return bool(self.all("html[data-ready]"))

    def drop(self, *paths):
        self("files").send_keys("\n".join(map(str, paths)))

    def drop_and_see(self, *paths):
        self.drop(*paths)
        self.until(lambda: "drawn with" in self("status").text)
        self.stop()

    def stop(self):
        if self("play").get_attribute("aria-label") == "Stop":
            self("play").click()

    def fill(self, id, text):
        self(id).send_keys(Keys.CONTROL + "a" + Keys.NULL, text)

    def redrawn(self, change):
        """Does what changes the result, and waits until it has been drawn anew."""
        self.driver.execute_script("document.getElementById('status').textContent = ''")
        change()
        self.until(lambda: "drawn with" in self("status").text)

    def colours(self, x, y, pane=0):
        """The colour seen at a place of the drawing."""
        return self.driver.execute_script(
            "const c = document.querySelectorAll('#panes canvas')[arguments[0]];"
            "return [...c.getContext('2d').getImageData(arguments[1], arguments[2], 1, 1).data]",
            pane, x, y,
        )  # fmt: skip

    def shows_disc(self, x, pane=0):
        """Whether the red disc is at x."""
        red, green, _, _ = self.colours(x, 40, pane)
        return red > 200 and green < 90

    def shows_ghost(self, x, pane):
        """Whether what is seen at x is the floor and half of a disc: redder than the floor, which is bluish."""
        red, _, blue, _ = self.colours(x, 40, pane)
        return red > blue + 20

    def picture(self, pane=0):
        return self.driver.execute_script(
            "return document.querySelectorAll('#panes canvas')[arguments[0]].toDataURL()", pane
        )


@pytest.fixture
def two(tmp_path, draw_disc):
    """Two drawings: a disc goes from x = 40 to x = 80."""
    paths = [tmp_path / "one.png", tmp_path / "two.png"]
    for path, x in zip(paths, (40, 80), strict=True):
        write_png(path, draw_disc(x, 40, (120, 80), 20))
    return paths


def test_a_person_draws_between_two_drawings_scrubs_compares_and_takes_a_gif_home(studio, two, downloads):
    assert studio("empty").is_displayed() and not studio("player").is_displayed()
    assert not any(button.is_enabled() for button in studio.all("#downloads button"))
    studio.drop(*two)
    studio.until(lambda: studio("play").get_attribute("aria-label") == "Stop")  # it plays by itself
    assert [name.text for name in studio.all("#keys b")] == ["one.png", "two.png"]
    seen = {studio("readout").text.split(":")[0] for _ in range(30) if not time.sleep(0.05)}
    assert len(seen) > 3  # and goes on playing
    studio.stop()

    studio.redrawn(lambda: studio.fill("count", "5"))
    studio.redrawn(lambda: Select(studio("spacing")).select_by_value("ease-in"))
    studio.redrawn(lambda: studio("boomerang").click())
    while "frame 1 of 8" not in studio("readout").text:  # 5 there, 3 back
        studio("forth").click()
    assert studio.shows_disc(40) and not studio.shows_disc(80)
    for _ in range(4):
        studio("forth").click()
    assert "frame 5 of 8: key frame two" in studio("readout").text and studio.shows_disc(80)
    studio("back").click()
    assert "t = 0.563" in studio("readout").text  # 0.75 squared

    studio("moment").send_keys(Keys.HOME)
    studio.until(lambda: "key frame one" in studio("readout").text and studio.shows_disc(25))
    studio("moment").send_keys(Keys.PAGE_UP * 5)
    studio.until(lambda: "t = 0.500; drawn at this moment" in studio("readout").text and studio.shows_disc(75))
    assert studio.shows_disc(60) and not studio.shows_disc(25)

    studio.redrawn(lambda: studio.all("#beside input[value=blend]")[0].click())
    assert len(studio.all("#panes canvas")) == 2 and "blend" in studio("panes").text
    studio.until(lambda: studio.shows_ghost(28, 1) and studio.shows_ghost(92, 1))  # fades where the other moves
    assert not studio.shows_ghost(28, 0) and not studio.shows_ghost(92, 0)

    plain = studio.picture()
    Select(studio("onion")).select_by_value("keys")
    assert studio.picture() != plain and studio("tints").is_displayed()
    Select(studio("onion")).select_by_value("none")
    assert studio.picture() == plain

    studio.all("#downloads button[value=gif]")[0].click()
    path = downloads / "one-to-two.gif"
    studio.until(path.exists)
    assert "8 frames, 120×80" in studio.until(lambda: studio("files-made").text)
    with Image.open(path) as image:
        assert (image.n_frames, image.size, image.info["loop"]) == (8, (120, 80), 0)
        image.seek(4)
        assert image.convert("RGB").getpixel((80, 40))[0] > 200
    studio.all("#downloads button[value=frame]")[0].click()
    still = studio.until(lambda: next(downloads.glob("one-0.500.png"), None))
    with Image.open(still) as image:
        assert image.size == (120, 80) and image.getpixel((75, 40))[0] > 200
    command = studio("command").text
    assert command == "animi interpolate one.png two.png -n 5 --spacing ease-in --boomerang -o out.gif"


def test_a_chart_of_ones_own_is_drawn_by_keys_and_by_hand(studio, two):
    studio.drop_and_see(*two)
    studio.redrawn(lambda: studio.fill("count", "4"))
    marks = studio.all("#chart [role=slider]")
    assert [mark.get_attribute("aria-valuenow") for mark in marks] == ["0.333", "0.667"]
    studio.redrawn(lambda: marks[0].send_keys(Keys.PAGE_DOWN))
    assert studio.driver.switch_to.active_element == marks[0]  # it keeps the focus while all is drawn anew
    assert studio("times").get_attribute("value") == "0, 0.233, 0.667, 1"
    assert Select(studio("spacing")).first_selected_option.get_attribute("value") == "chart"
    assert not studio("count").is_enabled()
    studio.redrawn(lambda: studio.all("#chart [role=slider]")[1].send_keys(Keys.DELETE))
    assert studio("times").get_attribute("value") == "0, 0.233, 1"
    while "frame 2 of 3" not in studio("readout").text:
        studio("forth").click()
    assert "t = 0.233" in studio("readout").text
    studio.redrawn(lambda: studio.fill("times", "0, 0.5, 0.9, 1"))
    assert "--spacing 0,0.5,0.9,1" in studio("command").text
    studio.fill("times", "0, 0.9, 0.5, 1")
    studio.until(lambda: "--spacing: 0, 0.9, 0.5, 1 must start with 0" in studio("messages").text)
    studio.redrawn(lambda: studio.fill("times", "0, 0.5, 1"))
    assert "--spacing" not in studio("messages").text


def test_the_chart_is_dragged_and_clicked(studio, two):
    studio.drop_and_see(*two)
    studio.redrawn(lambda: studio.fill("count", "4"))
    chart = studio("chart")
    wide = chart.size["width"]

    def drag(by):
        first = studio.all("#chart [role=slider]")[0]
        ActionChains(studio.driver).drag_and_drop_by_offset(first, round(by * wide), 0).perform()

    def times():
        return [float(time) for time in studio("times").get_attribute("value").split(",")]

    studio.redrawn(lambda: drag(-0.2))
    assert times() == pytest.approx([0, 0.333 - 0.2, 0.667, 1], abs=0.02)
    assert Select(studio("spacing")).first_selected_option.get_attribute("value") == "chart"
    studio.redrawn(lambda: drag(0.7))
    assert times() == pytest.approx([0, 0.667, 0.667, 1], abs=0.001)  # marks do not pass one another
    studio.redrawn(
        lambda: ActionChains(studio.driver).move_to_element_with_offset(chart, -0.2 * wide, 0).click().perform()
    )
    assert times() == pytest.approx([0, 0.3, 0.667, 0.667, 1], abs=0.02)


def test_what_was_stopped_stays_where_it_is_however_late_the_frames_come(studio, two):
    # late, as on a busy machine: what is said to be drawn must be there to be seen
    slow = """
        const decode = Image.prototype.decode;
        Image.prototype.decode = async function () {
            await new Promise((done) => setTimeout(done, 700));
            return decode.call(this);
        };
    """
    studio.driver.execute_script(slow)
    studio.drop(*two)
    studio.until(lambda: "drawn with" in studio("status").text)
    assert studio("play").get_attribute("aria-label") == "Stop"  # it plays already
    studio.stop()
    while "frame 3 of 8" not in studio("readout").text:
        studio("forth").click()
    studio.redrawn(lambda: Select(studio("spacing")).select_by_value("ease-in"))
    assert "frame 3 of 8" in studio("readout").text and "t = 0.082" in studio("readout").text  # (2 / 7) squared
    studio.redrawn(lambda: studio.fill("count", "2"))
    assert "frame 2 of 2: key frame two" in studio("readout").text and studio.shows_disc(80)
    assert studio("play").get_attribute("aria-label") == "Play"
    studio("play").click()
    studio.redrawn(lambda: studio.fill("count", "5"))
    assert studio("play").get_attribute("aria-label") == "Stop"  # what plays goes on


def test_bad_files_are_told_and_what_was_there_stays(studio, two, tmp_path, draw_disc):
    studio.drop_and_see(*two)
    bad = tmp_path / "notes.png"
    bad.write_text("no picture")
    studio.drop(bad)
    studio.until(lambda: "notes.png: is not an image that can be read; give a PNG, JPEG" in studio("messages").text)
    assert len(studio.all("#keys li")) == 2 and studio("panes").is_displayed()
    studio.all("#messages button")[0].click()
    assert studio("messages").text == ""
    write_png(tmp_path / "wide.png", draw_disc(40, 40, (160, 80), 20))
    studio.drop(tmp_path / "wide.png")
    studio.until(lambda: "wide.png is 160x80 and one.png is 120x80; make them one size" in studio("messages").text)
    remedy = next(button for button in studio.all("#messages button") if "120x80" in button.text)
    studio.redrawn(remedy.click)
    assert studio("messages").text == "" and "--size 120x80" in studio("command").text
    studio.redrawn(lambda: studio.all("#keys li:last-child button")[-1].click())
    assert len(studio.all("#keys li")) == 2


def test_two_drawings_of_a_film_become_key_frames(studio, tmp_path, animi):
    film = tmp_path / "chase.mp4"
    assert animi("draw-cartoon", film, "--seconds", 1, "--size", "160x96", "--seed", 4).exit_code == 0
    studio.drop(film)
    studio.until(lambda: studio("film").is_displayed() and studio.all("#strip button"))
    assert "160×96" in studio("film-summary").text
    drawings = studio.all("#strip button")
    drawings[1].click()
    drawings[3].click()
    assert [drawing.get_attribute("aria-pressed") for drawing in drawings[:5]] == [
        "false",
        "true",
        "false",
        "true",
        "false",
    ]
    studio.redrawn(studio.all("#choice button")[0].click)
    assert [name.text for name in studio.all("#keys b")] == ["chase-2.png", "chase-4.png"]
    Select(studio("taking")).select_by_value("all")
    studio.redrawn(studio.all("#choice button")[0].click)
    assert len(studio.all("#keys li")) == 3


def test_a_film_is_drawn_anew_and_taken_home(studio, tmp_path, animi, downloads):
    film = tmp_path / "dance.mp4"
    assert animi("draw-cartoon", film, "--seconds", 1, "--size", "96x64", "--seed", 5, "--hold", 1).exit_code == 0
    studio.drop(film)
    studio.until(lambda: studio("film").is_displayed() and studio.all("#strip button"))
    Select(studio("engine")).select_by_value("blend")
    Select(studio("film-kind")).select_by_value("mkv")
    studio.all("#smooth button[type=submit], #smooth button:not([type])")[0].click()
    studio.until((downloads / "dance-smooth.mkv").exists)
    studio.until(lambda: "48 frames, 96×64" in studio("files-made").text)
    assert probe_video(downloads / "dance-smooth.mkv").fps == 48
    studio("film-preview").click()
    studio.until((downloads / "dance-preview.mkv").exists)
    assert not studio.all("#work li") and studio("messages").text == ""


def test_long_work_is_seen_and_cancelled(studio, downloads):
    studio("chase").click()
    studio.until(lambda: "drawn with" in studio("status").text)
    studio.stop()
    studio.fill("count", "1000")
    # the list of work is written anew as it goes on, so that what is seen of it is asked for in one go
    studio.until(lambda: studio.all("#work progress") and "Drawing with" in studio("work").text)
    studio.until(lambda: studio.all("#work button"))[0].click()
    studio.until(lambda: not studio.all("#work li"))


def test_a_page_loaded_anew_still_has_its_drawings_until_it_starts_over(studio, two):
    studio.drop_and_see(*two)
    studio.driver.refresh()
    studio.until(lambda: len(studio.all("#keys li")) == 2 and "drawn with" in studio("status").text)
    studio("start-over").click()
    studio.until(lambda: studio.is_ready() and not studio.all("#keys li"))


def test_who_comes_without_the_token_is_asked_for_it(studio, address):
    base, _, token = address.partition("?token=")
    driver = studio.driver
    driver.delete_all_cookies()
    driver.get(base)
    assert "asks for its token" in driver.find_element(By.TAG_NAME, "body").text
    box = driver.find_element(By.NAME, "token")
    assert driver.switch_to.active_element == box
    box.send_keys("wrong", Keys.ENTER)
    studio.until(lambda: "wrong" in driver.current_url)
    assert "asks for its token" in driver.find_element(By.TAG_NAME, "body").text
    driver.find_element(By.NAME, "token").send_keys(token, Keys.ENTER)
    studio.until(studio.is_ready)
    assert driver.current_url == base
    driver.refresh()
    studio.until(studio.is_ready)  # by the cookie
    assert token not in driver.execute_script("return document.cookie + location.href")


def test_a_file_that_has_expired_is_said_to_have_done_so(studio, two, downloads):
    studio.drop_and_see(*two)
    studio.all("#downloads button[value=png]")[0].click()
    studio.until((downloads / "one-to-two.png").exists)
    assert studio.until(lambda: studio.all("#files-made a"))
    studio.driver.execute_async_script("""
        const done = arguments[0], session = `/api/sessions/${sessionStorage.getItem("session")}`;
        const body = JSON.stringify({ engine: "blend", count: 2, format: "png" });
        (async () => {
          for (let k = 0; k < 32; k += 1) {
            await fetch(`${session}/export`, { method: "POST", body });
            for (let isOver = false; !isOver;) {
              const { jobs } = await (await fetch(`${session}/jobs`)).json();
              isOver = jobs.every((job) => !["waiting", "running"].includes(job.state));
            }
          }
        })().then(done, done);
    """)
    studio.redrawn(lambda: studio.fill("count", "3"))
    studio.until(lambda: "one-to-two.png has expired; make it anew" in studio("files-made").text)


def test_hands_that_are_quicker_than_the_session_do_no_harm(studio, two):
    # as on a busy machine, where the session may come long after the page is seen
    slow = """
        const fetch_ = window.fetch;
        window.fetch = async (...words) => {
            if (words[0] === '/api/sessions') await new Promise((done) => { window.letGo = done; });
            return fetch_(...words);
        };
    """
    script = studio.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": slow})
    try:
        studio.driver.execute_script("sessionStorage.clear()")
        studio.driver.get(studio.driver.current_url)
        studio.until(lambda: studio("version").text and studio.driver.execute_script("return !!window.letGo"))
        studio("chase").click()
        studio.driver.execute_script("window.letGo()")
        studio.until(studio.is_ready)
    finally:
        studio.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)
    assert studio("messages").text == ""
    studio.drop_and_see(*two)


def test_all_can_be_reached_by_keys_and_has_a_name(studio, two):
    studio.drop_and_see(*two)
    body = studio.driver.find_element(By.TAG_NAME, "body")
    before = studio("readout").text
    studio.driver.execute_script("document.activeElement.blur()")
    body.send_keys(".")
    assert studio("readout").text != before
    body.send_keys(" ")
    assert studio("play").get_attribute("aria-label") == "Stop"
    body.send_keys(" ")
    nameless = studio.driver.execute_script(
        "return [...document.querySelectorAll('input, select, button, [role=slider], a, canvas')].filter((e) =>"
        " !(e.labels?.length || e.ariaLabel || e.textContent.trim())).map((e) => e.outerHTML)"
    )
    assert nameless == []
    unreachable = studio.driver.execute_script(
        "return [...document.querySelectorAll('[onclick], button, [role=slider]')].filter((e) => e.tabIndex < 0).length"
    )
    assert unreachable == 0


def test_it_fits_a_phone_and_a_desk_by_day_and_by_night(studio, two):
    studio.drop_and_see(*two)
    for width, height, dark in ((1280, 900, False), (1280, 900, True), (400, 800, False), (400, 800, True)):
        BROWSER.show_as(studio.driver, width, height, dark=dark)
        wide = studio.driver.execute_script("return document.documentElement.scrollWidth")
        assert wide <= width
        for ink, paper in (("ink", "card"), ("ink", "soft"), ("quiet", "card"), ("quiet", "paper"), ("quiet", "soft"),
                           ("on-accent", "accent"), ("accent", "card"), ("warn", "warn-soft")):  # fmt: skip
            assert contrast(colour(studio, ink), colour(studio, paper)) >= 4.5, (dark, ink, paper)


def colour(studio, name):
    text = studio.driver.execute_script(
        "const e = document.createElement('i'); e.style.color = `var(--${arguments[0]})`; document.body.append(e);"
        "const found = getComputedStyle(e).color; e.remove(); return found",
        name,
    )
    return [int(part) / 255 for part in text.strip("rgb()").split(",")]


def contrast(first, second):
    """The contrast of two colours as WCAG 2 counts it."""
    light = []
    for parts in (first, second):
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        light.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    return (max(light) + 0.05) / (min(light) + 0.05)


# Hints


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
    path = studio.until(lambda: next(downloads.glob("hints.json"), None))
    told = json.loads(path.read_text())
    assert told["size"] == [240, 160] and len(told["pairs"][0]["tracks"]) == 2
    path.unlink()
    studio.driver.refresh()  # they are saved with the session
    studio.until(lambda: "drawn with" in studio("status").text)
    studio.stop()
    studio("hinting").click()
    studio.until(lambda: len(desk.hints()) == 2)


def test_a_path_is_bent_by_its_middle_and_its_hint_is_marked_as_gone_or_stays(desk, studio, tmp_path):
    desk.open(draw_scene((60, 80)), draw_scene((180, 80)), tmp_path, moment=0.5)
    desk.edited(lambda: desk.drag((0, (60, 80)), (1, (180, 80))))
    bent = desk.edited(lambda: desk.drag((0, (120, 80)), (0, (120, 60)), (0, (120, 40))))  # 7: an arc
    assert miss(bent, draw_scene((120, 40))) < 0.004 < miss(bent, draw_scene((120, 80)))
    straight = desk.edited(lambda: button(studio, "Straight: hint 1").click())
    assert miss(straight, draw_scene((120, 80))) < 0.004
    gone = desk.edited(lambda: button(studio, "Gone: hint 1").click())  # 8: it goes, and something else comes
    assert miss(gone, draw_scene((120, 80))) > 0.005
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
    studio.until(lambda: "The most doubtful place of this frame is marked" in studio("status").text)
    studio.until(lambda: studio.all("html[data-heat]"))
    shown = desk.picture()
    changed = np.abs(shown[..., :3].astype(int) - plain[..., :3]).max(2) > 60
    assert changed[30:80, 155:215].mean() > 0.2
    studio("doubt").click()
    assert not studio("doubt").is_selected()


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
    studio.all("#kept li:first-child button")[0].click()
    studio.until(lambda: len(studio.all("#kept li")) == 1)


def button(studio, name):
    return studio.driver.find_element(By.CSS_SELECTOR, f"#desk button[aria-label='{name}']")

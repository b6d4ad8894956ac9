"""The page of `animi studio` in a real browser, used as a person uses it."""

import time
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

import pytest
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from animi.core.media.decode import probe_video
from animi.core.media.image_files import write_png

pytestmark = pytest.mark.xdist_group("browser")  # one process, and so one browser

BROWSING = SimpleNamespace(**run_path(str(Path(__file__).with_name("browsing.py"))))
BROWSER = BROWSING.BROWSER
downloads, window, address, studio = BROWSING.downloads, BROWSING.window, BROWSING.address, BROWSING.studio


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
    studio.until(lambda: "t = 0.500; not one of the frames" in studio("readout").text and studio.shows_disc(75))
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
    path = studio.downloaded(downloads, "one-to-two.gif")
    assert "8 frames, 120×80" in studio.until(lambda: studio("files-made").text)
    with Image.open(path) as image:
        assert (image.n_frames, image.size, image.info["loop"]) == (8, (120, 80), 0)
        image.seek(4)
        assert image.convert("RGB").getpixel((80, 40))[0] > 200
    studio.all("#downloads button[value=frame]")[0].click()
    still = studio.downloaded(downloads, "one-0.500.png")
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
    studio.redrawn(lambda: (studio.all("#choice button")[0].click(), studio("count").send_keys("")))
    assert len(studio.all("#keys li")) == 3
    assert studio.driver.switch_to.active_element == studio("count")  # the focus stays where a person has put it


def test_a_film_is_drawn_anew_and_taken_home(studio, tmp_path, animi, downloads):
    film = tmp_path / "dance.mp4"
    assert animi("draw-cartoon", film, "--seconds", 1, "--size", "96x64", "--seed", 5, "--hold", 1).exit_code == 0
    studio.drop(film)
    studio.until(lambda: studio("film").is_displayed() and studio.all("#strip button"))
    Select(studio("engine")).select_by_value("blend")
    Select(studio("film-kind")).select_by_value("mkv")
    studio.all("#smooth button[type=submit], #smooth button:not([type])")[0].click()
    smooth = studio.downloaded(downloads, "dance-smooth.mkv")
    studio.until(lambda: "48 frames, 96×64" in studio("files-made").text)
    assert probe_video(smooth).fps == 48
    studio("film-preview").click()
    studio.downloaded(downloads, "dance-preview.mkv")
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


def test_a_page_loaded_anew_has_its_drawings_and_files_and_no_old_news_until_it_starts_over(
    studio, two, tmp_path, downloads
):
    studio.drop_and_see(*two)
    studio.all("#downloads button[value=webp]")[0].click()
    studio.downloaded(downloads, "one-to-two.webp")
    (tmp_path / "bad.mp4").write_text("no film")
    studio.drop(tmp_path / "bad.mp4")
    studio.until(lambda: "bad.mp4" in studio("messages").text)
    studio.driver.refresh()
    studio.until(lambda: len(studio.all("#keys li")) == 2 and "drawn with" in studio("status").text)
    assert "one-to-two.webp" in studio("files-made").text and studio("messages").text == ""
    assert len(list(downloads.glob("one-to-two*.webp"))) == 1  # nor is it downloaded again
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
    studio.downloaded(downloads, "one-to-two.png")
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
    studio.until(lambda: "one-to-two.png has expired; write it again" in studio("files-made").text)


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

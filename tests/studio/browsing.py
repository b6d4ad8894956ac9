"""The page of `animi studio` in a real browser, for the tests that use it as a person does; loaded by `run_path`."""

import time
from contextlib import suppress
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

import pytest
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

BROWSER = SimpleNamespace(**run_path(str(Path(__file__).parents[1] / "browser.py")))


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

    def downloaded(self, folder, name):
        """The file of that name, or that pattern, when all of it is there: Chromium first makes an empty one."""
        return self.until(lambda: next((path for path in folder.glob(name) if path.stat().st_size), None))

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


def button(studio, name):
    return studio.driver.find_element(By.CSS_SELECTOR, f"#desk button[aria-label='{name}']")

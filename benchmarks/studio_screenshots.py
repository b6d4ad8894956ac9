"""Takes the screenshots of `animi studio` in docs/images, in a real browser, from drawings that animi makes itself.

python benchmarks/studio_screenshots.py [FOLDER]
"""

import subprocess
import sys
import tempfile
import time
from io import BytesIO
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

from PIL import Image

ROOT = Path(__file__).parents[1]
BROWSER = SimpleNamespace(**run_path(str(ROOT / "tests" / "browser.py")))
MOST = 200_000  # bytes of a picture in docs


def main() -> None:
    """Takes them all."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images"
    reason = BROWSER.install_browser()
    if reason is not None:
        raise SystemExit(reason)
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        film = place / "chase.mp4"
        words = ("draw-cartoon", film, "--seed", "3", "--seconds", "6", "--size", "640x360")
        subprocess.run([BROWSER.ANIMI, *words], check=True, stdout=subprocess.DEVNULL)
        with BROWSER.serve_studio() as address, BROWSER.open_browser(place) as window:
            take_desk(window, address, folder)
            take_hints(window, address, folder, place)
            take_film(window, address, folder, film)
            take_phone(window, address, folder)


def take_desk(window, address: str, folder: Path) -> None:
    """Two drawings, onion skin, and a cross-fade beside."""
    open_page(window, address, 1280, 960)
    press(window, "#chase")
    wait_for(window, "return document.getElementById('status').textContent.includes('drawn with')")
    press(window, "#beside input[value=blend]")
    wait_for(window, "return document.getElementById('status').textContent.includes('with blend')")
    choose(window, "onion", "keys")
    scrub(window, 0.5)
    keep(window, folder / "studio.webp")


def take_hints(window, address: str, folder: Path, place: Path) -> None:
    """Two drawings with hints: discs that cross, a path, and animi's own matches."""
    from animi.core.media.image_files import write_png

    scene = run_path(str(ROOT / "tests" / "studio" / "hinting.py"))
    draw, blue = scene["draw_scene"], scene["BLUE"]
    names = place / "first.png", place / "last.png"
    for path, discs in zip(names, ([(50, 40), (50, 100), (130, 60, blue)], [(190, 40), (190, 100), (160, 90, blue)]),
                           strict=True):  # fmt: skip
        write_png(path, draw(*discs))
    open_page(window, address, 1280, 1500)
    choose(window, "engine", "flow")
    window.find_element("css selector", "#files").send_keys("\n".join(map(str, names)))
    wait_for(window, "return document.getElementById('status').textContent.includes('drawn with')")
    tracks = [[[50, 40], [190, 100]], [[50, 100], [120, 128], [190, 40]]]
    window.execute_async_script(
        "const [tracks, done] = arguments, session = `/api/sessions/${sessionStorage.getItem('session')}`;"
        "(async () => {"
        "const { drawings } = await (await fetch(session)).json();"
        "const pairs = [{ keys: drawings.map(({ id }) => id), tracks, strokes: [] }];"
        "await fetch(`${session}/hints`, { method: 'PUT', body: JSON.stringify({ size: [240, 160], pairs }) });"
        "})().then(done, done)",
        tracks,
    )
    window.refresh()
    wait_for(window, "return document.getElementById('status').textContent.includes('drawn with')")
    scrub(window, 0.3)
    press(window, "#hinting")
    press(window, "#own")
    wait_for(window, "return document.documentElement.dataset.matches")
    time.sleep(2)
    keep(window, folder / "studio-hints.webp")


def take_film(window, address: str, folder: Path, film: Path) -> None:
    """A film's drawings, two of them taken, by night."""
    open_page(window, address, 1280, 1060, dark=True)
    window.find_element("css selector", "#files").send_keys(str(film))
    wait_for(window, "return document.querySelectorAll('#strip button').length")
    for number in (4, 8):
        press(window, f"#strip section:first-child button:nth-child({number})")
    press(window, "#choice button")
    wait_for(window, "return document.getElementById('status').textContent.includes('drawn with')")
    choose(window, "spacing", "ease-in-out")
    time.sleep(2)
    scrub(window, 0.4)
    keep(window, folder / "studio-film.webp")


def take_phone(window, address: str, folder: Path) -> None:
    """The same page on a phone."""
    open_page(window, address, 400, 1500)
    press(window, "#chase")
    wait_for(window, "return document.getElementById('status').textContent.includes('drawn with')")
    scrub(window, 0.5)
    keep(window, folder / "studio-phone.webp")


def open_page(window, address: str, width: int, height: int, *, dark: bool = False) -> None:
    """Opens the page again in a window of that size."""
    BROWSER.show_as(window, width, height, dark=dark)
    window.get(address)
    window.execute_script("sessionStorage.clear()")
    window.get(address)
    wait_for(window, "return document.documentElement.dataset.ready !== undefined")  # before, it hears no hand


def press(window, selector: str) -> None:
    """Clicks what is there."""
    wait_for(window, f"return document.querySelector({selector!r})")
    window.execute_script(f"document.querySelector({selector!r}).click()")


def choose(window, id: str, value: str) -> None:
    """Chooses from a list."""
    window.execute_script(
        f"const e = document.getElementById({id!r}); e.value = {value!r};"
        "e.dispatchEvent(new Event('change', {bubbles: true}))"
    )


def scrub(window, position: float) -> None:
    """Goes to a moment."""
    window.execute_script(
        f"const e = document.getElementById('moment'); e.value = {position};"
        "e.dispatchEvent(new Event('input', {bubbles: true})); scrollTo(0, 0)"
    )
    time.sleep(3)


def wait_for(window, script: str, seconds: float = 60) -> None:
    """Waits until a script gives something."""
    end = time.monotonic() + seconds
    while not window.execute_script(script):
        if time.monotonic() > end:
            raise SystemExit(f"nothing came of: {script}")
        time.sleep(0.1)


def keep(window, path: Path) -> None:
    """Writes what the window shows, as WebP of less than MOST bytes."""
    with Image.open(BytesIO(window.get_screenshot_as_png())) as shot:
        for quality in range(92, 30, -6):
            file = BytesIO()
            shot.convert("RGB").save(file, "WEBP", quality=quality, method=6)
            if len(file.getvalue()) < MOST:
                break
    path.write_bytes(file.getvalue())
    print(f"{path}: {len(file.getvalue()) // 1000} kB, quality {quality}")


if __name__ == "__main__":
    main()

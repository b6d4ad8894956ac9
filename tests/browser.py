"""A real browser for tests and screenshots: Debian's Chromium, driven through its own chromedriver.

`install_browser` brings both where the machine lets it; `open_browser` starts one that knows nothing of any other.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ANIMI = Path(sys.executable).with_name("animi")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    "--hide-scrollbars",
)  # fmt: skip


def install_browser() -> str | None:
    """Installs the browser by apt-get where it is missing and the user is root; gives the reason where it cannot."""
    if _is_there():
        return None
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        return "chromium and chromedriver are not installed; run as root: apt-get install chromium chromium-driver"
    with (Path(tempfile.gettempdir()) / "animi-browser-install").open("w") as turn:
        import fcntl

        fcntl.flock(turn, fcntl.LOCK_EX)  # several processes of one test run may come here at once
        if _is_there():
            return None
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        steps = (["update"], ["install", "-y", "--no-install-recommends", "chromium", "chromium-driver"])
        for step in steps:
            done = subprocess.run(
                ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=120", *step],
                env=environment, capture_output=True, text=True, timeout=400, check=False,
            )  # fmt: skip
        if not _is_there():
            said = (done.stderr or done.stdout).strip().splitlines()
            return f"apt-get could not install chromium: {said[-1] if said else done.returncode}"
    return None


def _is_there() -> bool:
    return bool(shutil.which("chromium") and shutil.which("chromedriver"))


@contextmanager
def open_browser(downloads: Path, width: int = 1280, height: int = 900, *, dark: bool = False) -> Iterator:
    """Starts a browser of that size; gives Selenium's driver."""
    from selenium import webdriver

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium") or ""
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        service = webdriver.ChromeService(shutil.which("chromedriver"))
        driver = webdriver.Chrome(options=options, service=service)
        try:
            show_as(driver, width, height, dark=dark)
            yield driver
        finally:
            driver.quit()


def show_as(driver, width: int, height: int, *, dark: bool = False) -> None:
    """Makes the window that large, and the person one who likes it light or dark."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})


@contextmanager
def serve_studio(*words: str) -> Iterator[str]:
    """Starts `animi studio` at a port of its own; gives the address of its page, with its token."""
    process = subprocess.Popen(
        [ANIMI, "studio", "--port", "0", "--no-browser", *words],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.communicate(timeout=30)

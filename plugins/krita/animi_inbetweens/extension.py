"""The action "Draw in-betweens": passes two key frames to `animi`, and adds its frames as an animation layer."""

import tempfile
from pathlib import Path

from krita import Extension, Krita
from PyQt5.QtCore import QProcess, QProcessEnvironment, Qt, QTimer
from PyQt5.QtWidgets import QMessageBox, QProgressDialog

from .drawings import Problem, choose_drawings, save_drawing
from .settings import SettingsDialog

TITLE = "Draw in-betweens"


class DrawInbetweens(Extension):
    """The extension, with one action."""

    def __init__(self, parent):
        """Does nothing; Krita calls the methods below."""
        super().__init__(parent)
        self.running = None

    def setup(self):
        """Called once at Krita's start."""

    def createActions(self, window):
        """Called for each window."""
        action = window.createAction("animi_draw_inbetweens", TITLE, "tools/scripts")
        action.triggered.connect(self.start)

    def start(self):
        """Runs the action."""
        try:
            if self.running is not None:
                raise Problem("In-betweens are being drawn already; wait for them, or cancel them.")
            document = Krita.instance().activeDocument()
            if document is None:
                raise Problem("Open a picture first.")
            chosen = choose_drawings(document, Krita.instance().activeWindow().activeView())
            dialog = SettingsDialog(chosen, document.modified())
            if dialog.exec_() != SettingsDialog.Accepted:
                return
            self.running = Job(document, chosen, dialog.settings(), self.finish)
            self.running.start()
        except Problem as problem:
            self.finish(str(problem))

    def finish(self, problem=""):
        """Called when a job has ended, with a message if it has failed."""
        self.running = None
        if problem:
            QMessageBox.warning(None, TITLE, problem)


class Job:
    """One run of the command."""

    def __init__(self, document, chosen, settings, on_end):
        """Prepares a job; `start` starts it."""
        self.document, self.chosen, self.settings, self.on_end = document, chosen, settings, on_end
        self.folder = tempfile.TemporaryDirectory(prefix="animi-krita-")
        self.ended = False
        self.process = QProcess()
        self.waiting = None

    def start(self):
        """Writes the two drawings and starts the command."""
        place = Path(self.folder.name)
        ends = [place / "first.png", place / "last.png"]
        try:
            for drawing, path in zip(self.chosen.drawings, ends):  # noqa: B905 - Krita's Python may be 3.8
                save_drawing(self.document, drawing, path)
        except Problem as problem:
            self.end(str(problem))
            return
        words = [*map(str, ends), "-o", str(place / "frames"), "-n", str(self.settings.count + 2)]
        words += ["--spacing", self.settings.spacing, "--engine", self.settings.engine]
        environment = QProcessEnvironment.systemEnvironment()
        for name in ("PYTHONHOME", "PYTHONPATH", "LD_LIBRARY_PATH"):  # Krita's own, which are not animi's
            if environment.contains("APPDIR"):
                environment.remove(name)
        self.process.setProcessEnvironment(environment)
        self.process.finished.connect(self.take)
        self.process.errorOccurred.connect(self.fail)
        self.waiting = QProgressDialog("animi draws …", "Cancel", 0, 0)
        self.waiting.setWindowTitle(TITLE)
        self.waiting.setWindowModality(Qt.WindowModal)
        self.waiting.setMinimumDuration(500)
        self.waiting.canceled.connect(self.cancel)
        self.process.start(self.settings.command, ["interpolate", *words])

    def cancel(self):
        """The user has pressed Cancel."""
        self.end("")

    def fail(self, error):
        """The command could not be started, or crashed."""
        if error == QProcess.FailedToStart:
            self.end(
                f"{self.settings.command!r} cannot be started. Install animi (pip install animi), or enter the "
                "command's path in the field Command."
            )

    def take(self, code, _status):
        """The command has ended."""
        if self.ended:
            return
        if code != 0:
            said = bytes(self.process.readAllStandardError()).decode("utf-8", "replace").strip().splitlines()
            self.end(said[-1] if said else f"animi ended with code {code}.")
            return
        self.close_waiting()
        QTimer.singleShot(0, self.bring_back)  # after Krita has finished with the process

    def bring_back(self):
        """Adds an animation layer of the frames."""
        frames = sorted(Path(self.folder.name, "frames").glob("*.png"))
        before = {node.uniqueId().toString() for node in self.document.rootNode().childNodes()}
        step = self.chosen.step(self.settings.count)
        if not frames or not self.document.importAnimation([str(path) for path in frames], self.chosen.start, step):
            self.end("Krita could not import the new frames.")
            return
        self.document.waitForDone()
        for node in self.document.rootNode().childNodes():
            if node.uniqueId().toString() not in before:
                node.setName(f"In-betweens of {self.chosen.name}")
        self.document.setCurrentTime(self.chosen.start)
        self.document.refreshProjection()
        self.end("")

    def close_waiting(self):
        """Closes the progress bar."""
        if self.waiting is not None:
            self.waiting.canceled.disconnect(self.cancel)
            self.waiting.close()
            self.waiting.deleteLater()
            self.waiting = None

    def end(self, problem):
        """Ends the command if it is running, and cleans up."""
        if self.ended:
            return
        self.ended = True
        if self.process.state() != QProcess.NotRunning:
            self.process.terminate()
            if not self.process.waitForFinished(3000):
                self.process.kill()
                self.process.waitForFinished(1000)
        self.close_waiting()
        self.folder.cleanup()
        self.on_end(problem)

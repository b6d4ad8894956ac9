"""A Krita plugin that works as a person would, for tests/plugins/test_krita.py: it is told what to do by a JSON file.

It opens pictures as key frames or layers, starts the action, fills in the dialog, waits, and writes down what came of
it.
"""

import json
import os
import traceback
from pathlib import Path

from krita import Extension, Krita
from PyQt5.QtCore import QTimer
from PyQt5.QtGui import QImage
from PyQt5.QtWidgets import QApplication, QDialogButtonBox, QMessageBox, QProgressDialog

WAIT = 250  # milliseconds


class Driver(Extension):
    """Runs the steps one after the other, each when the one before has let go of Krita's event loop."""

    def setup(self):
        self.job = json.loads(Path(os.environ["ANIMI_KRITA_JOB"]).read_text(encoding="utf-8"))
        self.found = {"dialogs": []}
        self.patience = 400
        QTimer.singleShot(WAIT, self.begin)

    def createActions(self, window):
        pass

    def begin(self):
        app = Krita.instance()
        if app.activeWindow() is None:
            QTimer.singleShot(WAIT, self.begin)
            return
        try:
            self.open(app)
            QTimer.singleShot(WAIT, self.answer)
            QTimer.singleShot(WAIT, self.watch)
            app.action("animi_draw_inbetweens").trigger()
        except Exception:
            self.found["error"] = traceback.format_exc()
            self.leave()

    def open(self, app):
        job = self.job
        self.document = app.createDocument(*job["size"], "test", "RGBA", job.get("depth", "U8"), "", 72.0)
        app.activeWindow().addView(self.document)
        app.setActiveDocument(self.document)
        root = self.document.rootNode()
        if job["kind"] == "key frames":
            assert self.document.importAnimation(job["pictures"], job["start"], job["step"])
            self.document.waitForDone()
            layer = root.childNodes()[-1]
            layer.setName("walk")
            self.document.setActiveNode(layer)
            self.document.setCurrentTime(job["now"])
        elif job["kind"] == "layers":
            for node in root.childNodes():
                node.remove()
            for number, path in enumerate(job["pictures"]):
                layer = self.document.createNode(f"drawing {number}", "paintlayer")
                root.addChildNode(layer, None)
                image = QImage(path).convertToFormat(QImage.Format_ARGB32)
                bits = image.bits()
                bits.setsize(image.byteCount())
                layer.setPixelData(bytes(bits), 0, 0, *job["size"])
            self.document.refreshProjection()
            app.action("select_all_layers").trigger()
        self.document.waitForDone()
        self.before = [node.name() for node in root.childNodes()]

    def answer(self):
        """Fills in the dialog that is open."""
        dialog = QApplication.activeModalWidget()
        if dialog is None or isinstance(dialog, QProgressDialog):
            if "answered" not in self.found:
                QTimer.singleShot(WAIT, self.answer)
            return
        if isinstance(dialog, QMessageBox):
            return  # `watch` sees to it
        self.found["answered"] = dialog.windowTitle()
        self.found["usual"] = dialog.count.value()
        if self.job.get("count"):
            dialog.count.setValue(self.job["count"])
        dialog.spacing.setCurrentText(self.job.get("spacing", "linear"))
        dialog.engine.setCurrentText(self.job.get("engine", "flow"))
        dialog.command.setText(self.job["command"])
        if self.job.get("picture"):
            dialog.grab().save(self.job["picture"])
        dialog.findChild(QDialogButtonBox).button(QDialogButtonBox.Ok).click()

    def watch(self):
        """Waits until the new layer or a message is there."""
        self.patience -= 1
        box = QApplication.activeModalWidget()
        if isinstance(box, QMessageBox):
            self.found["message"] = box.text()
            box.accept()
            self.leave()
            return
        nodes = self.document.rootNode().childNodes()
        running = [w for w in QApplication.topLevelWidgets() if isinstance(w, QProgressDialog) and w.isVisible()]
        if self.job.get("cancel") and running:
            running[0].cancel()
            self.job["cancel"] = False
            self.found["cancelled"] = True
            self.patience = min(self.patience, 8)
        new = [node for node in nodes if node.name().startswith("In-betweens of")]
        if new:
            QTimer.singleShot(WAIT, lambda: self.report(new[0]))
        elif self.patience > 0:
            QTimer.singleShot(WAIT, self.watch)
        else:
            self.leave()

    def report(self, layer):
        """Writes the new layer's key frames down as PNGs."""
        try:
            width, height = self.job["size"]
            times = [time for time in range(200) if layer.hasKeyframeAtTime(time)]
            self.found.update(
                layer=layer.name(), times=times, depth=layer.colorDepth(), now=self.document.currentTime()
            )
            for time in times:
                data = bytes(layer.pixelDataAtTime(0, 0, width, height, time))
                if layer.colorDepth() == "U8":
                    QImage(data, width, height, 4 * width, QImage.Format_ARGB32).save(
                        f"{self.job['out']}/{time:03}.png"
                    )
                else:
                    Path(self.job["out"], f"{time:03}.raw").write_bytes(data)
            if self.job.get("window"):
                Krita.instance().activeWindow().qwindow().grab().save(self.job["window"])
        except Exception:
            self.found["error"] = traceback.format_exc()
        self.leave()

    def leave(self):
        self.found["layers"] = [node.name() for node in self.document.rootNode().childNodes()]
        Path(self.job["result"]).write_text(json.dumps(self.found), encoding="utf-8")
        os._exit(0)  # Krita would ask whether to save


Krita.instance().addExtension(Driver(Krita.instance()))

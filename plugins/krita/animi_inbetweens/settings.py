"""The dialog that asks for the settings."""

from krita import Krita
from PyQt5.QtWidgets import QComboBox, QDialog, QDialogButtonBox, QFormLayout, QLabel, QLineEdit, QSpinBox

ENGINES = ("motion", "flow", "blend")
SPACINGS = ("linear", "ease-in", "ease-out", "ease-in-out")
_GROUP = "animi"


class Settings:
    """The user's settings."""

    def __init__(self, count, spacing, engine, command):
        """Stores them."""
        self.count, self.spacing, self.engine, self.command = count, spacing, engine, command


class SettingsDialog(QDialog):
    """Asks for the settings; spacing, engine and command are remembered from the last time."""

    def __init__(self, chosen, unsaved):
        """Shows the settings, and a warning if the picture is not saved."""
        super().__init__()
        self.setWindowTitle("Draw in-betweens")
        self.count = QSpinBox()
        self.count.setRange(1, 999)
        self.count.setValue(chosen.usual_count)
        self.spacing, self.engine = QComboBox(), QComboBox()
        self.spacing.addItems(SPACINGS)
        self.engine.addItems(ENGINES)
        self.command = QLineEdit(Krita.instance().readSetting(_GROUP, "command", "animi"))
        for name, box in (("spacing", self.spacing), ("engine", self.engine)):
            box.setCurrentIndex(max(0, box.findText(Krita.instance().readSetting(_GROUP, name, ""))))
        form = QFormLayout(self)
        form.addRow("In-betweens", self.count)
        form.addRow("Spacing", self.spacing)
        form.addRow("Engine", self.engine)
        form.addRow("Command", self.command)
        if unsaved:
            form.addRow(QLabel("Save the picture first: Krita 5.1 may crash\nwhile it imports an animation."))
        buttons = QDialogButtonBox(QDialogButtonBox.Ok | QDialogButtonBox.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        form.addRow(buttons)

    def settings(self):
        """The settings that were chosen; they are remembered for the next time."""
        chosen = Settings(
            self.count.value(),
            self.spacing.currentText(),
            self.engine.currentText(),
            self.command.text().strip() or "animi",
        )
        for name in ("spacing", "engine", "command"):
            Krita.instance().writeSetting(_GROUP, name, getattr(chosen, name))
        return chosen

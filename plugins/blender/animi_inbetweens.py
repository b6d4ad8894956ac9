"""animi's in-betweens in Blender's Video Sequencer: Strip, Draw In-betweens, of a movie or an image sequence."""

import subprocess
import tempfile
from fractions import Fraction
from pathlib import Path

import bpy

bl_info = {
    "name": "animi: draw in-betweens",
    "author": "animi",
    "version": (0, 1, 0),
    "blender": (3, 0, 0),
    "location": "Video Sequencer > Strip > Draw In-betweens",
    "description": "Draws the frames between those of a movie or an image sequence",
    "category": "Sequencer",
}

STEP = 0.25
"""Seconds between two checks of the command."""


class Problem(Exception):
    """An error with a message for the user."""


class AnimiPreferences(bpy.types.AddonPreferences):
    """Where the command is."""

    bl_idname = __name__

    command: bpy.props.StringProperty(
        name="Command", default="animi", subtype="FILE_PATH", description="The animi command, if it is not on the path"
    )

    def draw(self, context):
        """Shows the field."""
        self.layout.prop(self, "command")


class SEQUENCER_OT_animi_inbetweens(bpy.types.Operator):
    """The operator."""

    bl_idname = "sequencer.animi_inbetweens"
    bl_label = "Draw In-betweens"
    bl_description = "Draw the frames between those of the active movie or image strip, and add them as a new strip"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012 - Blender reads it

    rate: bpy.props.EnumProperty(
        name="Rate",
        items=[
            ("FACTOR", "Slow down", "Multiply the frames, and the length, by the factor"),
            ("SCENE", "Scene's rate", "Keep the length, and make one frame for each of the scene's (movies)"),
        ],
    )
    factor: bpy.props.IntProperty(name="Factor", default=2, min=2, max=100, description="How many times as many frames")
    spacing: bpy.props.EnumProperty(
        name="Spacing",
        items=[(name, name, "") for name in ("linear", "ease-in", "ease-out", "ease-in-out")],
        description="Of an image sequence: how frames are spaced from one to the next",
    )
    engine: bpy.props.EnumProperty(name="Engine", items=[(name, name, "") for name in ("motion", "flow", "blend")])
    folder: bpy.props.StringProperty(
        name="Folder", default="//animi/", subtype="DIR_PATH", description="Where the new film or images go"
    )

    @classmethod
    def poll(cls, context):
        """Whether the active strip is one that can be interpolated."""
        strip = context.scene.sequence_editor and context.scene.sequence_editor.active_strip
        return strip is not None and strip.type in {"MOVIE", "IMAGE"}

    def invoke(self, context, event):
        """Asks for the settings."""
        return context.window_manager.invoke_props_dialog(self)

    def execute(self, context):
        """Starts the command; without a window, waits for it."""
        try:
            self.strip_name = context.scene.sequence_editor.active_strip.name
            self.output, words = self.describe(context)
        except Problem as problem:
            self.report({"ERROR"}, str(problem))
            return {"CANCELLED"}
        addon = context.preferences.addons.get(__name__)
        command = bpy.path.abspath(addon.preferences.command) if addon and addon.preferences.command else "animi"
        self.said = tempfile.TemporaryFile()  # noqa: SIM115 - `take` closes it
        try:
            self.process = subprocess.Popen(
                [command, "interpolate", *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.said
            )
        except OSError as error:
            self.report(
                {"ERROR"},
                f"{command!r} cannot be started ({error.strerror}). Install animi (pip install animi), or enter the "
                "command's path in the add-on's preferences",
            )
            return {"CANCELLED"}
        if bpy.app.background:
            self.process.wait()
            return self.take(context)
        context.window_manager.modal_handler_add(self)
        self.timer = context.window_manager.event_timer_add(STEP, window=context.window)
        context.workspace.status_text_set("animi draws in-betweens; Esc cancels")
        return {"RUNNING_MODAL"}

    def modal(self, context, event):
        """Checks whether the command has ended, or Esc was pressed."""
        if event.type == "ESC":
            self.process.terminate()
            self.process.wait()
            self.let_go(context)
            self.report({"INFO"}, "Cancelled; nothing was added")
            return {"CANCELLED"}
        if event.type != "TIMER" or self.process.poll() is None:
            return {"PASS_THROUGH"}
        self.let_go(context)
        return self.take(context)

    def let_go(self, context):
        """Stops what `execute` has started in the window."""
        context.window_manager.event_timer_remove(self.timer)
        context.workspace.status_text_set(None)

    def describe(self, context):
        """The output, and the command's words.

        Raises:
            Problem: the strip cannot be interpolated.
        """
        scene = context.scene
        strip = scene.sequence_editor.active_strip
        folder = Path(bpy.path.abspath(self.folder))
        if not folder.is_absolute():
            raise Problem("Save the .blend file first, or give another folder: this one is relative to it")
        folder.mkdir(parents=True, exist_ok=True)
        words = ["--engine", self.engine]
        if strip.type == "IMAGE":
            if self.rate == "SCENE":
                raise Problem("An image sequence has no rate of its own; choose Slow down, and a factor")
            first = strip.frame_offset_start + strip.animation_offset_start
            used = strip.elements[int(first) : int(first) + strip.frame_final_duration]
            paths = [Path(bpy.path.abspath(strip.directory), element.filename) for element in used]
            if len(paths) < 2:
                raise Problem(f'The strip "{strip.name}" shows only one image, and two are needed')
            output = _free_name(folder / f"{paths[0].stem}-inbetweens")
            words += ["-n", str(self.factor + 1), "--spacing", self.spacing]
            return output, [*map(str, paths), "-o", str(output), *words]
        path = Path(bpy.path.abspath(strip.filepath))
        output = _free_name(folder / f"{path.stem}-inbetweens.mp4")
        rate = Fraction(strip.fps).limit_denominator(1001)
        first = strip.frame_offset_start + strip.animation_offset_start
        shown = strip.frame_final_duration
        if first or strip.frame_offset_end or strip.animation_offset_end:
            # in whole microseconds, rounded down: the frame at `begin` is within, and the one at `end` is not
            begin, end = (int(Fraction(k) / rate * 1_000_000) / 1_000_000 for k in (first, first + shown))
            words += ["--range", f"{begin:.6f}-{end:.6f}"]
        if self.rate == "SCENE":
            scene_rate = Fraction(scene.render.fps) / Fraction(scene.render.fps_base).limit_denominator(10000)
            words += ["--fps", f"{scene_rate.numerator}/{scene_rate.denominator}"]
        else:
            words += ["--factor", str(self.factor)]
        return output, [str(path), "-o", str(output), *words]

    def take(self, context):
        """Adds the new frames, or reports what went wrong."""
        self.said.seek(0)
        said = self.said.read().decode("utf-8", "replace").strip().splitlines()
        self.said.close()
        if self.process.returncode != 0:
            self.report({"ERROR"}, said[-1] if said else f"animi ended with code {self.process.returncode}")
            return {"CANCELLED"}
        editor = context.scene.sequence_editor
        strip = editor.sequences_all.get(self.strip_name)
        if strip is None:
            self.report({"WARNING"}, f"The strip is gone; the frames are in {self.output}")
            return {"CANCELLED"}
        start = int(strip.frame_final_start)
        channel = max(each.channel for each in editor.sequences) + 1
        name = f"{strip.name} in-betweens"
        if self.output.is_dir():
            paths = sorted(self.output.glob("*.png"))
            new = editor.sequences.new_image(name, str(paths[0]), channel, start)
            for path in paths[1:]:
                new.elements.append(path.name)
            new.frame_final_duration = len(paths)
        else:
            new = editor.sequences.new_movie(name, str(self.output), channel, start)
        editor.active_strip = new
        self.report({"INFO"}, f"{new.frame_final_duration} frames in {self.output}")
        return {"FINISHED"}


def _free_name(path):
    """The path, or one with a number added if it exists."""
    found, number = path, 2
    while found.exists():
        found = path.with_name(f"{path.stem}-{number}{path.suffix}")
        number += 1
    return found


def _add_to_menu(self, context):
    self.layout.separator()
    self.layout.operator(SEQUENCER_OT_animi_inbetweens.bl_idname)


def register():
    """Called by Blender when the add-on is turned on."""
    bpy.utils.register_class(AnimiPreferences)
    bpy.utils.register_class(SEQUENCER_OT_animi_inbetweens)
    bpy.types.SEQUENCER_MT_strip.append(_add_to_menu)


def unregister():
    """Called by Blender when it is turned off."""
    bpy.types.SEQUENCER_MT_strip.remove(_add_to_menu)
    bpy.utils.unregister_class(SEQUENCER_OT_animi_inbetweens)
    bpy.utils.unregister_class(AnimiPreferences)

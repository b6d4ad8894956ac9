"""Runs in Blender, for tests/plugins/test_blender.py: installs the add-on, adds a strip, starts the operator."""

import json
import sys

import bpy

job = json.loads(sys.argv[sys.argv.index("--") + 1])
bpy.ops.preferences.addon_install(filepath=job["addon"])
bpy.ops.preferences.addon_enable(module="animi_inbetweens")
bpy.context.preferences.addons["animi_inbetweens"].preferences.command = job["command"]
scene = bpy.context.scene
scene.render.fps, scene.render.fps_base = 24, 1.0
editor = scene.sequence_editor_create()
if "film" in job:
    strip = editor.sequences.new_movie("film", job["film"], 1, 10)
else:
    strip = editor.sequences.new_image("images", job["images"][0], 1, 10)
    for path in job["images"][1:]:
        strip.elements.append(path.rsplit("/", 1)[1])
    strip.frame_final_duration = len(job["images"])
if "trim" in job:
    strip.frame_offset_start, strip.frame_offset_end = job["trim"]
editor.active_strip = strip
found = {"can": bpy.ops.sequencer.animi_inbetweens.poll()}
try:
    found["ended"] = list(bpy.ops.sequencer.animi_inbetweens(**job["settings"]))
except RuntimeError as error:  # how a script gets what a person sees
    found["message"] = str(error)
found["strips"] = [
    {
        "name": each.name,
        "type": each.type,
        "channel": each.channel,
        "start": each.frame_final_start,
        "length": each.frame_final_duration,
        "file": bpy.path.abspath(each.filepath) if each.type == "MOVIE" else bpy.path.abspath(each.directory),
    }
    for each in editor.sequences
]
bpy.ops.preferences.addon_disable(module="animi_inbetweens")
found["gone"] = not hasattr(bpy.types, "SEQUENCER_OT_animi_inbetweens")
print("FOUND " + json.dumps(found))

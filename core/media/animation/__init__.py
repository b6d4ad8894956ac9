"""Writes animations: GIF, WebP, APNG, MP4, MOV, Matroska and WebM by the file's suffix, or a folder of numbered PNGs.

Frames are consumed one at a time, so that a long film of large frames fits in memory. Pillow and OpenCV compress single
frames; the GIF, WebP and APNG containers are written here, as Pillow's own writers hold all frames in memory, merge
equal neighbours, and cannot write APNG of 16 bits.

Timestamps are rounded from the start of the film, not from frame to frame, so that errors do not accumulate.
"""

from .writing import DELAYED, Written, check_format, keeps_profile, names_folder, write_animation

__all__ = ["DELAYED", "Written", "check_format", "keeps_profile", "names_folder", "write_animation"]

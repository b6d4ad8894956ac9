"""Animations out: GIF, WebP, APNG, MP4, MOV and WebM by the file's suffix, or a folder of numbered PNGs.

Frames are taken one at a time and never held together, so that a long film of large frames fits in memory. The GIF,
WebP and APNG containers are put together here from frames that Pillow and OpenCV compress: Pillow's own writers hold
all frames at once, merge equal neighbours into one, and know no APNG of 16 bits.

What is measured in time is rounded from the start of the film and not from frame to frame, so that no error adds up.
"""

from .writing import DELAYED, Written, check_format, is_folder_of_frames, keeps_profile, write_animation

__all__ = ["DELAYED", "Written", "check_format", "is_folder_of_frames", "keeps_profile", "write_animation"]

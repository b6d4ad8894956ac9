"""Frames of two shots, drawn by code, and a lossless film of frames: for tests of films and of VapourSynth's plugin."""

import subprocess

import cv2
import imageio_ffmpeg
import numpy as np

WIDTH, HEIGHT = 96, 72


def scene(x, shot=0):
    """A disc at x on a striped floor; the second shot has another floor and light."""
    frame = np.full((HEIGHT, WIDTH, 3), ((60, 110, 170), (200, 150, 70))[shot], np.uint8)
    frame[:: 6 + 5 * shot] = ((220, 210, 90), (40, 30, 60))[shot]
    cv2.circle(frame, (x, 20 + 30 * shot), 12, ((200, 40, 40), (30, 160, 60))[shot], -1, cv2.LINE_AA)
    return frame


def write_film(path, frames):
    """Writes a lossless film of 24 frames a second."""
    source = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}", "-r", "24", "-i", "-")
    subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *source, "-c:v", "ffv1", "-pix_fmt", "gbrp", path],
        input=b"".join(frame.tobytes() for frame in frames),
        check=True,
    )
    return path

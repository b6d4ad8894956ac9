"""The values that options choose from, and limits that several commands share."""

from pathlib import Path

ENGINES = ("motion", "flow", "blend")
"""Engines that need no checkpoint; the first is the default, the best that ships."""
ON_FAILURE = ("hold", "blend", "morph")
"""Where motion cannot be what happened: hold the nearer key frame, blend both, or draw along the motion anyway."""
EASINGS = ("linear", "ease-in", "ease-out", "ease-in-out")
"""How in-betweens are spaced: evenly, slow at the start, slow at the end, or slow at both."""
MOST_FRAMES = 100_000
"""Largest number of frames between two key frames: more than an hour at 24 a second."""
DEVICES = ("auto", "cpu", "cuda", "mps")
"""Where networks run."""
PROVIDERS = ("auto", "cpu", "directml", "coreml", "openvino")
"""What ONNX Runtime runs animi's own motion network on."""
FITS = ("crop", "letterbox", "keep")
"""How frames are resized: the square in the middle, the whole with bars, or the whole in its own shape."""
CUT_SCORE = 0.42
"""Score in [0, 1] from which a frame starts a shot: the share of it that the frame before does not explain."""
HOLD_SCORE = 1.0
"""How far a frame may differ from the drawing before, as scores.csv measures it, to show the same drawing."""
DROPS = ("black", "blank", "credits", "dissolve", "flash")
"""Kinds of frames that can be left out."""
IMAGE_FORMATS = ("png", "jpeg", "webp", "none")
"""How extracted frames are kept as images."""
CADENCES = ("smooth", "keep")
"""Cadence of the new film: in-betweens on every frame, or each drawing held for as many frames as before."""
CODECS = ("h264", "hevc", "vp9", "av1", "prores", "ffv1", "png", "qtrle")
"""Codecs of films; `media.codecs` has their encoders."""
STREAM = Path("-")
"""Stands for standard input or output instead of a film's file: uncompressed video as YUV4MPEG2 (y4m)."""
PRECISIONS = ("auto", "fp32", "tf32", "bf16", "fp16")
"""Number formats of the forward pass; auto: bf16 on a GPU that has it, else fp32, or tf32 on CUDA. fp32 is exact; tf32,
CUDA's own, keeps 10 of 23 bits behind the point in matrix products and convolutions, and is several times as quick."""
AUGMENTATIONS = ("colour", "translation", "cutout")
"""Augmentations of a discriminator's inputs, in this order."""
TRAINED_SIZES = (64, 128, 256, 512)
"""Sides of pictures that generators can be trained on."""
RECIPES = ("steady", "notebook")
"""steady is ours, made not to collapse; notebook is exactly that of the first experiments."""
BN_INITS = ("ones", "dcgan", "notebook")
"""Initial weights of batch norms: 1; N(1, 0.02²), as in DCGAN; or N(0, 0.02²), as in the first experiments."""
SCHEDULES = ("constant", "linear", "cosine")
"""Schedules of learning rates: constant, linear to 0 over the second half, or half a cosine to 0."""
JUDGED = ("all", "middle")
"""Frames of a clip that the discriminator gets: all, or all but the two ends."""
NETS = ("deep", "plain")
"""Auto-encoders: residual blocks at every size with skip-layer excitation, or a few convolutions and no more."""
BETWEEN = ("lerp", "slerp")
"""Interpolation of latents: on a straight line, or on the great circle."""
REFINE = ("none", "joint", "after")
"""Training of a refinement network: none, together with the auto-encoder, or alone after a fixed one."""
METRICS = (
    "psnr",
    "ssim",
    "lpips",
    "line-distance",
    "ghost",
    "sharpness",
    "smoothness",
    "coherence",
    "see-through",
    "features",
)
"""Metrics of in-betweens; features are KID, FID, precision and recall of all in-betweens together."""
ACCEPTS = ("drawings", "films")
"""What may be dropped on the page of `animi studio`."""
TIME_SHEETS = (".xdts", ".tdts")
"""Suffixes of time sheets, which drawing programs exchange; see `core.inbetween.time_sheet`."""
ONLY_FOR_LAYERS = (".psd", ".ora")
"""Suffixes of outputs that hold layers, one file for each frame."""
SPRITE_SHEET = ".json"
"""Suffix of a sheet of sprites; its picture is beside it."""

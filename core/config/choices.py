"""The values that options choose from, and limits that several commands share."""

from pathlib import Path

ENGINES = ("motion", "flow", "blend")
"""Engines that need no checkpoint; the first is the default, the best that ships."""
ON_FAILURE = ("hold", "blend", "morph")
"""Where motion cannot be what happened: hold the nearer key frame, blend both, or draw along the motion anyway."""
EASINGS = ("linear", "ease-in", "ease-out", "ease-in-out")
"""How in-betweens are spaced: evenly, slow at the start, slow at the end, or slow at both."""
MOST_FRAMES = 100_000
"""As many frames as a segment may have: more than an hour at 24 a second."""
DEVICES = ("auto", "cpu", "cuda", "mps")
"""Where networks run."""
FITS = ("crop", "letterbox", "keep")
"""How a film's frames come to a size: the square in the middle, the whole with bars, or the whole in its own shape."""
CUT_SCORE = 0.42
"""How little of a frame the one before may explain, from 0 to 1, until it begins a shot."""
DROPS = ("black", "blank", "credits", "dissolve", "flash")
"""Kinds of a film's frames that may be left out."""
IMAGE_FORMATS = ("png", "jpeg", "webp", "none")
"""How extracted frames are kept as images."""
CADENCES = ("smooth", "keep")
"""What becomes of drawings that a film holds: in-betweens on every frame, or as many frames a drawing as before."""
CODECS = ("h264", "hevc", "vp9", "av1", "prores", "ffv1")
"""How films are encoded."""
STREAM = Path("-")
"""Standard input or output in the place of a film's file: uncompressed video as YUV4MPEG2 (y4m)."""
PRECISIONS = ("auto", "fp32", "tf32", "bf16", "fp16")
"""Number formats of the forward pass; auto: bf16 on a GPU that has it, else fp32, or tf32 on CUDA. fp32 is exact; tf32,
CUDA's own, keeps 10 of 23 bits behind the point in matrix products and convolutions, and is several times as quick."""
AUGMENTATIONS = ("colour", "translation", "cutout")
"""What pictures undergo before a discriminator sees them, in this order."""
TRAINED_SIZES = (64, 128, 256, 512)
"""Sides of the pictures that the generators can be trained on."""
RECIPES = ("steady", "notebook")
"""The first is ours, made not to collapse; the other is that of the first experiments, to the letter."""
BN_INITS = ("ones", "dcgan", "notebook")
"""What batch norms' weights begin with: 1; N(1, 0.02²), as in DCGAN; or N(0, 0.02²), as in the first experiments."""
SCHEDULES = ("constant", "linear", "cosine")
"""How learning rates change: not at all, to 0 in a straight line over the second half, or to 0 along half a cosine."""
JUDGED = ("all", "middle")
"""Frames of a clip that the discriminator judges: all, or all but the two ends."""
NETS = ("deep", "plain")
"""Auto-encoders: residual blocks at every size with skip-layer excitation, or a few convolutions and no more."""
BETWEEN = ("lerp", "slerp")
"""Ways from one frame's latents to another's: straight, or along the great circle."""
REFINE = ("none", "joint", "after")
"""Whether a refinement network learns: not at all, together with the auto-encoder, or alone, behind a finished one."""
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
"""What in-betweens are measured by; features are KID, FID, precision and recall, of all of them together."""
ACCEPTS = ("drawings", "films")
"""What may be dropped on the page of `animi studio`."""

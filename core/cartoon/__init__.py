"""Cartoons that draw themselves, with motion that is known exactly.

From below: `geometry` (points and placements), `puppets` (joints and shapes), `styles` and `textures`, `drawing`
(puppets as patches that move by affine maps), `raster` (which patch is seen where, and its colour), `motion` (flow and
masks between two moments). On these stand what is drawn: `cast`, `actions`, `props`, `backgrounds`; `scenes` puts them
before a camera, and `composition` lets chance choose. At the top are the uses: `films`, for `animi draw-cartoon`, and
`samples` and `batches`, for training.
"""

"""Generated cartoons, with exactly known motion.

The basis: `geometry` (points and placements), `puppets` (joints and shapes), `styles` and `textures`, `drawing`
(puppets as patches that move by affine maps), `raster` (the patch and the colour of each pixel), `motion` (flow and
masks between two moments). The content: `cast`, `actions`, `props`, `backgrounds`; `scenes` puts it in front of a
camera, and `composition` chooses at random. The uses: `films`, for `animi draw-cartoon`, and `samples`, for training.
"""

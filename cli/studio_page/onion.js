// Onion skin: neighbouring frames, overlaid in tints.

const TINTS = [[235, 50, 25], [0, 105, 190]]; // of frames before, and of frames after

/**
 * Returns the frames to overlay, the farthest first: [image, tint, strength].
 *
 * `kind` is "none", "near" (one on each side), "far" (two on each side) or "keys".
 */
export function findSkins(result, position, kind) {
  if (kind === "none" || !result) return [];
  const near = 1e-4;
  const before = result.positions.map((at, k) => [at, k]).filter(([at]) => at < position - near).reverse();
  const after = result.positions.map((at, k) => [at, k]).filter(([at]) => at > position + near);
  const isKey = ([at]) => Math.abs(at - Math.round(at)) < near;
  const take = (list) => (kind === "keys" ? list.filter(isKey).slice(0, 1) : list.slice(0, kind === "far" ? 2 : 1));
  const skins = [before, after].flatMap((list, side) =>
    take(list).map(([, number], distance) => [result.images[number], TINTS[side], 0.9 - 0.3 * distance]));
  return skins.filter(([image]) => image).reverse();
}

const sheet = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
/**
 * Overlays tinted frames wherever they differ from the picture: dark pixels (outlines) strongly, light ones (fills)
 * weakly. Static areas are unchanged.
 */
export function overlaySkins(context, skins) {
  const { width, height } = context.canvas;
  Object.assign(sheet.canvas, { width, height });
  const picture = context.getImageData(0, 0, width, height);
  const seen = picture.data;
  const before = seen.slice();
  for (const [image, tint, strength] of skins) {
    sheet.clearRect(0, 0, width, height);
    sheet.drawImage(image, 0, 0, width, height);
    const other = sheet.getImageData(0, 0, width, height).data;
    for (let k = 0; k < seen.length; k += 4) {
      const apart = Math.max(Math.abs(before[k] - other[k]), Math.abs(before[k + 1] - other[k + 1]),
        Math.abs(before[k + 2] - other[k + 2]), Math.abs(before[k + 3] - other[k + 3]));
      if (apart <= 10) continue;
      const dark = 1 - (0.3 * other[k] + 0.6 * other[k + 1] + 0.1 * other[k + 2]) / 255;
      const share = Math.min(1, (apart - 10) / 40) * strength * (0.3 + 0.7 * dark * dark) * (other[k + 3] / 255);
      for (let c = 0; c < 3; c += 1) seen[k + c] += share * (tint[c] - seen[k + c]);
      seen[k + 3] = Math.max(seen[k + 3], 255 * share);
    }
  }
  context.putImageData(picture, 0, 0);
}

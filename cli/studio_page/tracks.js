// Tracks: a hint's points, as in a file of hints.
//
// A track is a list of points, each [x, y] or null: a single point is static, null is where the object is absent, and three
// points or more are a path. A track with times is an object with `points`.

export const round = (value) => Math.round(value * 10) / 10;
export const apart = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);

/** The point nearest to `point` that is inside a picture. */
export const clampInside = (point, size) => point.map((value, k) => Math.min(size[k] - 1, Math.max(0, value)));

export const pointsOf = (track) => (Array.isArray(track) ? track : track.points);
export const startOf = (track) => pointsOf(track)[0];
export const endOf = (track) => pointsOf(track).at(-1);
/** "moves", "path", "stays", "goes" or "comes". */
export const kindOf = (track) => (pointsOf(track).length === 1 ? "stays" : startOf(track) === null ? "comes" : endOf(track) === null ? "goes"
  : pointsOf(track).length > 2 ? "path" : "moves");
export const middleOf = (track) => {
  const points = pointsOf(track);
  if (points.length > 2) return points[Math.floor(points.length / 2)];
  return [(points[0][0] + points[1][0]) / 2, (points[0][1] + points[1][1]) / 2];
};

const VERBS = { moves: "moves", path: "moves along a path", stays: "stays", goes: "goes", comes: "comes" };

/** Describes a track in words. */
export function describe(track) {
  const write = (point) => (point === null ? "nowhere" : point.map((value) => Math.round(value)).join(","));
  return `${pointsOf(track).map(write).join(" → ")} ${VERBS[kindOf(track)]}`;
}

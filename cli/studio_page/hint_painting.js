// Paints hints on the canvases of the two drawings.

import { $ } from "./page.js";
import { apart, kindOf, middleOf, pointsOf } from "./tracks.js";

export const COLOURS = ["#e0342b", "#1c7ed6", "#2b8a3e", "#9c36b5", "#e67700", "#0b7285", "#c2255c", "#5c940d"];
const OWN = "#e8a400"; // animi's own matches
const MAGNIFIED = 5; // enlargement of the magnifier
export const NEAR = 11; // pixels of the screen within which a handle can be grabbed

const sheet = document.createElement("canvas");

/** Paints brush strokes half transparent; `place` maps points to the canvas, `scale` widths. */
export function paintStrokes(context, place, strokes, scale) {
  if (!strokes.length) return;
  Object.assign(sheet, { width: context.canvas.width, height: context.canvas.height });
  const ink = sheet.getContext("2d");
  const dense = window.devicePixelRatio || 1;
  ink.setTransform(dense, 0, 0, dense, 0, 0);
  ink.lineCap = ink.lineJoin = "round";
  ink.strokeStyle = "#1c7ed6";
  for (const stroke of strokes) {
    ink.globalCompositeOperation = stroke.erases ? "destination-out" : "source-over";
    ink.lineWidth = stroke.width * scale;
    ink.beginPath();
    stroke.points.forEach((point, k) => (k ? ink.lineTo(...place(point)) : ink.moveTo(...place(point))));
    if (stroke.points.length === 1) ink.lineTo(...place(stroke.points[0]).map((value) => value + 0.01));
    ink.stroke();
  }
  context.save();
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.globalAlpha = 0.4;
  context.drawImage(sheet, 0, 0);
  context.restore();
}

export function paintArrow(context, from, to, colour, wide) {
  context.strokeStyle = context.fillStyle = colour;
  context.lineWidth = wide;
  context.beginPath();
  context.moveTo(...from);
  context.lineTo(...to);
  context.stroke();
  const angle = Math.atan2(to[1] - from[1], to[0] - from[0]);
  if (apart(from, to) < 6) return;
  context.beginPath();
  context.moveTo(...to);
  for (const turn of [2.7, -2.7]) context.lineTo(to[0] + 9 * Math.cos(angle + turn), to[1] + 9 * Math.sin(angle + turn));
  context.fill();
}
/** Paints an arrow over wider ones: `layers` are their colours and widths, the widest first. */
export function paintEdgedArrow(context, from, to, layers) {
  for (const [colour, wide] of layers) paintArrow(context, from, to, colour, wide);
}
export function paintDot(context, [x, y], colour, label, strong) {
  context.beginPath();
  context.arc(x, y, strong ? 8 : 6, 0, 7);
  context.fillStyle = colour;
  context.fill();
  context.lineWidth = 2;
  context.strokeStyle = strong ? "#000" : "#fff";
  context.stroke();
  if (!label) return;
  context.font = "bold 11px system-ui, sans-serif";
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillStyle = "#fff";
  context.fillText(label, x, y + 0.5);
}
export function paintCross(context, [x, y]) {
  for (const [colour, wide] of [["#fff", 3], ["#000", 1]]) {
    context.strokeStyle = colour;
    context.lineWidth = wide;
    context.beginPath();
    for (const [a, b, c, d] of [[-14, 0, -4, 0], [4, 0, 14, 0], [0, -14, 0, -4], [0, 4, 0, 14]]) {
      context.moveTo(x + a, y + b);
      context.lineTo(x + c, y + d);
    }
    context.stroke();
  }
}
/** Paints one of animi's own matches on the board of a side; `strong` if it is selected. */
export function paintMatch(context, place, side, [from, target], strong) {
  const [a, b] = [place(from), place(target)];
  paintEdgedArrow(context, a, b, [["#0009", strong ? 6 : 4], [OWN, strong ? 4 : 2]]);
  context.beginPath();
  context.arc(...(side ? b : a), strong ? 6 : 4, 0, 7);
  context.fillStyle = OWN;
  context.fill();
}
/** Paints a track on the board of a side; `strong` if it is selected. */
export function paintTrack(context, place, side, track, number, strong) {
  const colour = COLOURS[number % COLOURS.length];
  const points = pointsOf(track);
  const kind = kindOf(track);
  const label = String(number + 1);
  if (kind === "stays") return paintDot(context, place(points[0]), colour, label, strong);
  if (kind === "goes" || kind === "comes") {
    const at = place(kind === "goes" ? points[0] : points[1]);
    if ((kind === "goes") === (side === 0)) paintDot(context, at, colour, label, strong);
    else {
      context.strokeStyle = colour;
      context.lineWidth = 3;
      context.beginPath();
      for (const [a, b] of [[-6, -6], [-6, 6]]) { context.moveTo(at[0] + a, at[1] + b); context.lineTo(at[0] - a, at[1] - b); }
      context.stroke();
    }
    return undefined;
  }
  const screen = points.map((point) => place(point));
  for (const [ink, wide] of [["#fffb", strong ? 7 : 5], [colour, strong ? 4 : 2.5]]) {
    context.strokeStyle = ink;
    context.lineWidth = wide;
    context.beginPath();
    context.moveTo(...screen[0]);
    screen.slice(1, -2).forEach((at) => context.lineTo(...at));
    context.lineTo(...screen.at(-2));
    context.stroke();
    paintArrow(context, screen.at(-2), screen.at(-1), ink, wide);
  }
  const middle = place(middleOf(track));
  if (apart(screen[0], screen.at(-1)) > 3 * NEAR || points.length > 2) {
    context.fillStyle = "#fff";
    context.fillRect(middle[0] - 4, middle[1] - 4, 8, 8);
    context.strokeStyle = colour;
    context.lineWidth = 2;
    context.strokeRect(middle[0] - 4, middle[1] - 4, 8, 8);
  }
  return paintDot(context, side ? screen.at(-1) : screen[0], colour, label, strong);
}

/** Shows the part of a picture around a point in the magnifier, null for nothing; `size` is the hints', `shown` the board's scale. */
export function magnify(picture, point, size, shown) {
  const canvas = $("magnifier");
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  if (!picture) return;
  const scale = shown * MAGNIFIED;
  const [width, height] = size;
  const [x, y] = point;
  context.imageSmoothingEnabled = false;
  context.drawImage(picture, canvas.width / 2 - (x + 0.5) * scale, canvas.height / 2 - (y + 0.5) * scale, width * scale, height * scale);
  paintCross(context, [canvas.width / 2, canvas.height / 2]);
}

// The command that draws the same in a terminal.

/**
 * Returns the command as a line for a shell.
 *
 * `settings` are those of the page, `options` what the server offers, `names` the key frames' files, `hinted` the hints
 * (see `forCommand` in hints.js; no words where the engine takes none), and `isChart` whether the spacing is a chart.
 */
export function writeCommand(settings, options, names, hinted, isChart) {
  const quote = (word) => (/^[\w./,:=+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
  const quoteFile = (name) => quote(name.startsWith("-") ? `./${name}` : name); // else it would be an option
  const { count, fps, spacing, on_failure: failure } = options.defaults;
  const words = ["animi", "interpolate", ...(names.length ? names.map(quoteFile) : ["a.png", "b.png"])];
  if (hinted.kept.length) words.push("--sheet", "sheet.csv");
  else if (isChart) words.push("--spacing", quote(settings.spacing.replaceAll(" ", "")));
  else {
    if (settings.count !== count) words.push("-n", settings.count);
    if (settings.spacing !== spacing) words.push("--spacing", settings.spacing);
  }
  if (settings.fps !== fps) words.push("--fps", quote(settings.fps));
  if (settings.loop) words.push("--loop");
  if (settings.boomerang) words.push("--boomerang");
  if (options.checkpoints.includes(settings.engine)) words.push("--checkpoint", quote(settings.engine));
  else if (settings.engine !== options.engines[0]) words.push("--engine", settings.engine);
  if (settings.size.trim()) words.push("--size", quote(settings.size.trim()));
  if (settings.on_failure !== failure) words.push("--on-failure", settings.on_failure);
  words.push(...hinted.words.map((word) => (word.startsWith("--hint") ? word : quote(word))));
  return [...words, "-o", "out.gif"].join(" ");
}

/**
 * Returns the words for hints: up to three plain tracks as --hint, else a file.
 *
 * `pairs` are the hints, `keys` the names of all key frames in order, and `isScaled` whether key frames are scaled.
 */
export function writeHints(pairs, keys, isScaled) {
  const following = keys.map((name, k) => [name, keys[(k + 1) % keys.length]]);
  const live = pairs.filter(({ keys: own }) => following.some((two) => two.join() === own.join()));
  if (!live.length) return [];
  const tracks = live.flatMap((own) => own.tracks.map((track) => [following.findIndex((two) => two.join() === own.keys.join()), track]));
  const isPlain = tracks.length <= 3 && !live.some(({ strokes }) => strokes.length) && !isScaled
    && tracks.every(([number, track]) => Array.isArray(track) && number + 1 < keys.length);
  if (!isPlain) return ["--hints", "hints.json"];
  return tracks.flatMap(([number, track]) =>
    ["--hint", (number ? `${number}:` : "") + track.map((point) => (point === null ? "none" : point.join(","))).join(">")]);
}

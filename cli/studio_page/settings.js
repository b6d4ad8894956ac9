// The form of settings, and the buttons to download results.

import { $, make } from "./page.js";

/** Returns the settings for a request; `engine` is by default the chosen one. */
export function readSettings(engine = $("engine").value) {
  return {
    engine,
    count: $("count").value === "" ? "" : Number($("count").value),
    fps: $("fps").value,
    spacing: $("spacing").value === "chart" ? $("times").value : $("spacing").value,
    loop: $("loop").checked,
    boomerang: $("boomerang").checked,
    size: $("size").value,
    on_failure: $("failure").value,
  };
}

/** The engines to show beside the chosen one. */
export const besides = () => [...$("beside").querySelectorAll("input:checked")].map((box) => box.value);

/** Fills the form with what the server offers; `takeHome(kind)` and `takeFrame()` handle the download buttons. */
export function fillSettings(options, takeHome, takeFrame) {
  const fill = (select, values) => select.replaceChildren(...values.map(([value, text]) => make("option", { value, textContent: text ?? value })));
  fill($("spacing"), [["linear", "even"], ["ease-in", "ease in: slow at the start"], ["ease-out", "ease out: slow at the end"],
    ["ease-in-out", "ease in and out"]].filter(([value]) => options.easings.includes(value)).concat([["chart", "a chart of your own"]]));
  fill($("engine"), options.engines.map((name) => [name]));
  fill($("failure"), options.on_failure.map((name) => [name, { hold: "hold the nearer key frame", blend: "blend both", morph: "use the motion anyway" }[name]]));
  fill($("cadence"), options.cadences.map((name) => [name, { smooth: "become in-betweens", keep: "stay held" }[name]]));
  fill($("film-kind"), options.film_downloads.map((name) => [name, { mp4: "MP4", webm: "WebM", mkv: "Matroska" }[name]]));
  const { count, fps, spacing, on_failure: failure } = options.defaults;
  Object.assign($("count"), { value: count });
  Object.assign($("fps"), { value: fps });
  Object.assign($("spacing"), { value: spacing });
  Object.assign($("failure"), { value: failure });
  fillBesides(options);
  $("downloads").replaceChildren(
    ...options.downloads.map((kind) => make("button", {
      type: "button", value: kind, disabled: true, onclick: () => takeHome(kind),
      textContent: { gif: "GIF", webp: "WebP", mp4: "MP4", png: "Animated PNG", zip: "PNGs in a zip" }[kind],
    })),
    make("button", { type: "button", value: "frame", className: "plain", disabled: true, onclick: takeFrame, textContent: "This frame as PNG" }),
  );
  const kinds = [options.accept.includes("drawings") && `PNG, JPEG, WebP, TIFF, BMP or GIF up to ${options.max_drawing} MB`,
    options.accept.includes("films") && `a film up to ${options.max_film} MB`];
  $("limits").textContent = `${kinds.filter(Boolean).join("; ")}; ${options.max_megapixels} megapixels at most`;
  $("version").textContent = `animi ${options.version}`;
}

/** Offers every engine but the chosen one, to be shown beside it. */
export function fillBesides(options) {
  const chosen = besides();
  const boxes = options.engines.filter((name) => name !== $("engine").value).map((name) =>
    make("label", {}, make("input", { type: "checkbox", value: name, checked: chosen.includes(name) }), name));
  $("beside").replaceChildren($("beside").querySelector("legend"), ...boxes);
}

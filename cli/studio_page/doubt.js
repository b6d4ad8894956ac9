// Doubt: the heat map of where animi is unsure of a frame, and the list of the most doubtful frames.

import { $, ask, askJson, attempt, make, showStatus } from "./page.js";

/**
 * Connects the controls of doubt. `studio` is the page; `hints` gives the hints' `state`, `sent` (resolves when they are
 * sent), `centre` (of both boards, in shares of the drawing) and `showAll`.
 */
export function openDoubt(studio, hints) {
  let heat = { of: "", picture: null };
  let worst = null; // doubtful frames, the worst first: [amount, position, x, y]
  let spot = null; // the one shown

  /** Overlays the heat map of the frame shown, which is requested if it is not there yet. */
  function overlayDoubt(context) {
    if (!$("doubt").checked || studio.isPlaying()) return;
    const position = studio.position();
    const of = JSON.stringify([position, hints.state(), studio.readSettings()]);
    if (heat.of !== of) {
      heat = { of, picture: null };
      fetchHeat(of, position);
    }
    const { canvas } = context;
    if (heat.picture) context.drawImage(heat.picture, 0, 0, canvas.width, canvas.height);
    if (spot && Math.abs(spot[1] - position) < 1e-6) {
      context.strokeStyle = "#d00";
      context.lineWidth = Math.max(2, canvas.width / 300);
      context.beginPath();
      context.arc(spot[2] * canvas.width, spot[3] * canvas.height, canvas.width / 14, 0, 7);
      context.stroke();
    }
  }
  async function fetchHeat(of, position) {
    await hints.sent();
    const answer = await attempt("doubt", () => ask("POST", `${studio.session()}/doubt`, { ...studio.readSettings(), position }));
    if (!answer || heat.of !== of) return;
    const map = await createImageBitmap(await answer.blob());
    const made = make("canvas", { width: map.width, height: map.height });
    const context = made.getContext("2d");
    context.drawImage(map, 0, 0);
    const seen = context.getImageData(0, 0, map.width, map.height);
    for (let k = 0; k < seen.data.length; k += 4) {
      const doubt = seen.data[k] / 255; // from yellow to red, and the more opaque the worse
      seen.data.set([255, 210 * (1 - doubt), 0, 215 * Math.sqrt(doubt)], k);
    }
    context.putImageData(seen, 0, 0);
    heat.picture = made;
    document.documentElement.dataset.heat = position;
    studio.paint();
  }

  async function goToWorst() {
    if (worst?.length) return showWorst([...worst.slice(1), worst[0]]);
    await hints.sent();
    await attempt("doubt", () => askJson("POST", `${studio.session()}/doubtful`, studio.readSettings()));
    studio.watch();
    return undefined;
  }
  function showWorst(found) {
    worst = found;
    if (!worst.length) {
      showStatus("animi is sure of every frame.");
      return;
    }
    [spot] = worst;
    $("doubt").checked = true;
    showStatus(`The most doubtful place of this frame is marked; ${worst.length} ${worst.length === 1 ? "frame is" : "frames are"} worth a look.`);
    hints.centre(spot[2], spot[3]);
    studio.goTo(spot[1]);
    hints.showAll();
  }

  $("doubt").addEventListener("change", () => studio.paint());
  $("worst").addEventListener("click", goToWorst);

  return {
    overlayDoubt, showWorst,
    /** Forgets the list of doubtful frames, as hints have changed. */
    forget() { worst = spot = null; },
  };
}

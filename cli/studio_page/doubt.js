// Doubt: the heat map of where animi is unsure of a frame, and the list of the most doubtful frames.

import { $, ask, askJson, attempt, make, showStatus } from "./page.js";

/**
 * Connects the controls of doubt. `studio` is the page; `hints` gives the hints' `state`, `sent` (resolves when they are
 * sent), `centre` (of both boards, in shares of the drawing) and `showAll`.
 */
export function openDoubt(studio, hints) {
  let heat = { of: "", picture: null };
  let found = null; // `worst`, the doubtful frames, the worst first: [amount, position, x, y]; and the inputs they are `of`
  let searched = ""; // the inputs of the search that is running

  /** What the frames depend on, as text: what was found for other inputs is out of date. */
  const inputs = () => JSON.stringify([studio.drawings().map(({ id }) => id), hints.state(), { ...studio.readSettings(), fps: "" }]);

  /** Overlays the heat map of the frame shown, which is requested if it is not there yet. */
  function overlayDoubt(context) {
    if (!$("doubt").checked || studio.isPlaying()) return;
    const position = studio.position();
    const of = `${position} ${inputs()}`;
    if (heat.of !== of) {
      heat = { of, picture: null };
      fetchHeat(of, position);
    }
    const { canvas } = context;
    if (heat.picture) context.drawImage(heat.picture, 0, 0, canvas.width, canvas.height);
    const spot = found?.of === inputs() ? found.worst[0] : null;
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

  /** Goes to the most doubtful frame, or if it is shown already, to the next one. */
  async function goToWorst() {
    await hints.sent();
    const of = inputs();
    if (found?.of === of) {
      found.worst.push(...found.worst.splice(0, 1));
      showWorst();
    } else if (searched !== of) {
      searched = of;
      const job = await attempt("doubt", () => askJson("POST", `${studio.session()}/doubtful`, studio.readSettings()));
      if (job) studio.watch(job, (over) => takeWorst(of, over));
      else searched = "";
    }
  }
  function takeWorst(of, job) {
    if (searched === of) searched = "";
    if (job.state !== "done") return;
    if (of !== inputs()) {
      showStatus("The frames have changed in the meantime; press the button again.");
      return;
    }
    found = { of, worst: job.result.worst };
    showWorst();
  }
  function showWorst() {
    const { worst } = found;
    if (!worst.length) {
      showStatus("No frame is doubtful.");
      return;
    }
    const [, position, x, y] = worst[0];
    $("doubt").checked = true;
    showStatus(`The most doubtful place in this frame is marked; ${worst.length} ${worst.length === 1 ? "frame is" : "frames are"} worth checking.`);
    hints.centre(x, y);
    studio.goTo(position);
    hints.showAll();
  }

  $("doubt").addEventListener("change", () => studio.paint());
  $("worst").addEventListener("click", goToWorst);

  return { overlayDoubt };
}

// Kept frames: in-betweens that the user keeps, or exchanges for a drawing, as key frames.

import { $, askJson, attempt, make, upload } from "./page.js";

/** Connects the controls of kept frames; `studio` is the page. */
export function openKept(studio) {
  let listed = ""; // the frames that the list shows

  /** Shows the list of kept frames; if they are the same as before, its buttons stay, and so does the focus. */
  function show(kept) {
    if (JSON.stringify(kept) === listed) return;
    listed = JSON.stringify(kept);
    $("kept").replaceChildren(...kept.map((frame) => make("li", {},
      make("img", { src: `${studio.session()}/drawings/${frame.id}.png`, alt: "" }),
      make("span", { textContent: `${frame.name}: kept at t = ${frame.t.toFixed(3)}` }),
      make("button", { type: "button", className: "plain", textContent: "Draw it again", ariaLabel: `Draw it again: ${frame.name}`,
        onclick: () => attempt("kept", async () => studio.showMaterial(await askJson("DELETE", `${studio.session()}/kept/${frame.id}`))) }))));
  }

  async function keep() {
    const material = await attempt("kept", () => askJson("POST", `${studio.session()}/kept`, { ...studio.readSettings(), position: studio.position() }));
    if (material) studio.showMaterial(material);
  }
  async function exchange(file) {
    if (!file) return;
    const position = studio.position();
    await attempt("kept", async () => studio.showMaterial(await upload(studio.session(), file, { position })));
  }

  $("keep").addEventListener("click", keep);
  $("exchange").addEventListener("change", () => { exchange($("exchange").files[0]); $("exchange").value = ""; });

  return { show };
}

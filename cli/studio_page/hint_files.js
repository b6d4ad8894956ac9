// Saving hints to a file, and loading them from one.

import { $, ask, askJson, attempt, downloadBlob, showError, showStatus } from "./page.js";

const LARGEST = 200_000; // bytes of a file of hints

/**
 * Connects the buttons that save and load. `studio` is the page; `hints` gives the hints' `state` and `sent` (resolves
 * when they are sent), replaces them (`replace`), and shows the editor (`open`).
 */
export function openHintFiles(studio, hints) {
  async function save() {
    await hints.sent();
    await attempt("hints", async () => {
      const answer = await ask("POST", `${studio.session()}/hints/file`, studio.readSettings());
      const name = /filename="([^"]+)"/.exec(answer.headers.get("content-disposition"))?.[1] ?? "hints.json";
      downloadBlob(await answer.blob(), name);
    });
  }

  /** Replaces all hints by those of a file; undo restores them. */
  async function load(file) {
    if (!file) return;
    if (/\.zip$/i.test(file.name) || file.size > LARGEST) {
      showError("hints", `${file.name}: ${file.size > LARGEST ? "is too large for a file of hints" : "unpack it, and load the hints.json that is in it"}.`);
      return;
    }
    await hints.sent();
    const found = await attempt("hints", async () => askJson("POST", `${studio.session()}/hints/load`,
      { ...studio.readSettings(), name: file.name, text: await file.text() }));
    if (!found) return;
    hints.replace(found.hints);
    hints.open();
    await hints.sent();
    if (hints.state() === JSON.stringify(found.hints)) showStatus([`${file.name} is loaded.`, ...found.notes].join(" "));
  }

  $("save-hints").addEventListener("click", save);
  $("load-hints").addEventListener("change", () => { load($("load-hints").files[0]); $("load-hints").value = ""; });

  return { load };
}

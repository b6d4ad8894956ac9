// The film's part of the page: its drawings by shots, the choice of a range, and drawing the whole film.

import { $, askJson, attempt, clock, make } from "./page.js";

const CADENCES = { 1: "on ones", 2: "on twos", 3: "on threes", 4: "on fours" };

/** Connects the film's part; `studio` gives the session, `watch` and `takeFile`. */
export function openFilm(studio) {
  let film = null; // the film shown, as the server describes it
  let nextIsTo = false; // whether the next click on a drawing sets the end of the range

  /** Shows a film's drawings, shot by shot. */
  function show(shown) {
    film = shown;
    const shots = new Map();
    film.drawings.forEach(([time, shot], number) => {
      if (!shots.has(shot)) shots.set(shot, []);
      shots.get(shot).push([number, time]);
    });
    $("film").hidden = false;
    $("film-title").textContent = film.name;
    $("film-summary").textContent =
      `${film.width}×${film.height}, ${film.drawings.length} drawings in ${shots.size} ${shots.size === 1 ? "shot" : "shots"}`
      + `${film.whole ? "" : ", and more that are not shown"}; a held drawing is shown once. Choose the first and the last.`;
    $("strip").replaceChildren(...[...shots].map(([shot, members]) => {
      const cadence = CADENCES[film.cadences[shot]];
      const title = `Shot ${shot + 1}, from ${clock(members[0][1])}${cadence ? `, ${cadence}` : ""}`;
      return make("section", { className: "shot" },
        make("h3", { textContent: title }),
        make("div", {}, ...members.map(([number, time]) => {
          const label = `Drawing ${number + 1}, shot ${shot + 1}, at ${clock(time)}`;
          const picture = make("img", { src: `${studio.session()}/film/${number}.jpg?${encodeURIComponent(film.name)}`, alt: "", loading: "lazy" });
          const button = make("button", { type: "button", title: label, ariaLabel: label, onclick: () => markDrawing(number) });
          button.append(picture, make("span", { textContent: number + 1 }));
          return button;
        })));
    }));
    $("from").max = $("to").max = film.drawings.length;
    $("from").value = 1;
    $("to").value = Math.min(film.drawings.length, 2);
    nextIsTo = false;
    showChoice();
  }

  function markDrawing(number) {
    const first = Number($("from").value) - 1;
    if (nextIsTo && number !== first) {
      $("from").value = Math.min(first, number) + 1;
      $("to").value = Math.max(first, number) + 1;
      nextIsTo = false;
    } else {
      $("from").value = number + 1;
      $("to").value = Math.min(number + 2, film.drawings.length);
      nextIsTo = true;
    }
    showChoice();
  }

  /** The numbers of the drawings chosen, as they are in the two fields. */
  const readRange = () => ["from", "to"].map((id) => Number($(id).value) - 1);

  function showChoice() {
    const [from, to] = readRange();
    $("strip").querySelectorAll("button").forEach((button, number) => {
      button.classList.toggle("end", number === from || number === to);
      button.classList.toggle("inside", number > from && number < to && $("taking").value === "all");
      button.ariaPressed = String(number === from || number === to);
    });
    const [first, last] = [film.drawings[from], film.drawings[to]];
    $("choice-note").textContent = first && last && first[1] !== last[1]
      ? "There is a cut between them: where motion does not explain the change, the nearer key frame is held." : "";
  }

  async function choose(event) {
    event.preventDefault();
    const [from, to] = readRange().sort((a, b) => a - b);
    const all = Array.from({ length: to - from + 1 }, (_, k) => from + k);
    const job = await attempt("film", () => askJson("POST", `${studio.session()}/film/choice`, { drawings: $("taking").value === "all" ? all : [from, to] }));
    const asker = document.activeElement;
    // whoever has gone on to something else in the meantime is left there, and keeps the focus
    if (job) studio.watch(job, () => { if (document.activeElement === asker) $("stage").scrollIntoView({ block: "nearest" }); });
  }

  async function smooth(preview) {
    const [kind, value] = $("rate").value.split(" ");
    const wanted = { engine: $("engine").value, on_failure: $("failure").value, [kind]: value, cadence: $("cadence").value,
      format: $("film-kind").value, ...(preview ? { preview } : {}) };
    const job = await attempt("film", () => askJson("POST", `${studio.session()}/film/smooth`, wanted));
    if (job) studio.watch(job, studio.takeFile);
  }

  return {
    /** Shows a film of the session, if it is another one than before. */
    adopt(known) {
      if (known && (!film || film.name !== known.name || film.drawings.length !== known.drawings.length)) show(known);
    },
    listen() {
      $("choice").addEventListener("submit", choose);
      $("smooth").addEventListener("submit", (event) => {
        event.preventDefault();
        smooth();
      });
      $("film-preview").addEventListener("click", () => smooth(5));
      $("choice").addEventListener("input", showChoice);
      $("choice").addEventListener("change", showChoice);
    },
  };
}

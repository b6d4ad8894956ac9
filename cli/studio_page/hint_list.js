// The list of a pair's hints.

import { COLOURS } from "./hint_painting.js";
import { $, make } from "./page.js";
import { describe, endOf, kindOf, startOf } from "./tracks.js";

export const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

let listed = ""; // state shown by the list
/**
 * Shows the list of a pair's hints. `actions` has `select`, `mark`, `setTrack`, `nudge`, `remove`, `erase` (all strokes)
 * and `giveUp`.
 */
export function showList(pair, chosen, actions) {
  const shown = JSON.stringify([pair, chosen]);
  if (shown === listed) return;
  listed = shown;
  const focused = document.activeElement?.closest?.("#hint-list li");
  const was = focused ? [[...$("hint-list").children].indexOf(focused), document.activeElement.textContent] : null;
  const { tracks, strokes } = pair;
  const act = (text, label, onclick, pressed) => make("button", { type: "button", textContent: text, ariaLabel: label, onclick,
    ...(pressed === undefined ? {} : { ariaPressed: String(pressed) }) });
  const items = tracks.map((track, number) => {
    const kind = kindOf(track);
    const name = `hint ${number + 1}`;
    const choose = act(`${number + 1}: ${describe(track)}`, `${name}: ${describe(track)}; arrow keys move its end, with Shift by ten, with Alt its start`, () => actions.select(number), number === chosen);
    choose.className = "plain track";
    choose.style.setProperty("--ink", COLOURS[number % COLOURS.length]);
    choose.onkeydown = (event) => {
      const way = ARROWS[event.key];
      if (event.key === "Delete" || event.key === "Backspace") actions.remove(number);
      else if (event.key === "Escape") actions.giveUp();
      else if (!way || !actions.nudge(number, way, event)) return;
      event.preventDefault();
      event.stopPropagation();
    };
    return make("li", {}, choose,
      act("Stays", `Stays: ${name}`, () => actions.mark("stays", number), kind === "stays"),
      act("Gone", `Gone: ${name}`, () => actions.mark("goes", number), kind === "goes"),
      act("Comes", `Comes: ${name}`, () => actions.mark("comes", number), kind === "comes"),
      ...(kind === "path" ? [act("Straight", `Straight: ${name}`, () => actions.setTrack(number, [startOf(track), endOf(track)]))] : []),
      act("Delete", `Delete: ${name}`, () => actions.remove(number)));
  });
  if (strokes.length) {
    items.push(make("li", {}, make("span", { textContent: "The painted area stays." }),
      act("Delete", "Delete the painted area", () => actions.erase())));
  }
  $("hint-list").replaceChildren(...items);
  if (was) [...($("hint-list").children[was[0]]?.querySelectorAll("button") ?? [])].find((button) => button.textContent === was[1] || was[1].includes(":"))?.focus();
}

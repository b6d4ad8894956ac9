// The spacing chart: marks at the times of one segment's frames, which can be dragged, added and deleted.

import { $, make } from "./page.js";

const MOST_MARKS = 40; // with more marks, they cannot be dragged

/** Connects the chart; `onChange` is called when the user has changed it. */
export function openChart(onChange) {
  let times = [];
  let pressed = null; // where the pointer went down, as the click after a drag must not add a mark

  const writeTimes = (list) => list.map((t) => String(Math.round(t * 1000) / 1000)).join(", ");

  /** Draws the marks; existing ones are moved, so that they keep the focus. */
  function drawChart(focused) {
    const few = times.length <= MOST_MARKS;
    const shown = times.length <= 10 * MOST_MARKS ? times : [0, 1];
    if ($("chart").children.length !== shown.length) {
      $("chart").replaceChildren(...shown.map((_, number) => {
        const isEnd = number === 0 || number === shown.length - 1;
        if (isEnd || !few) return make("i", { className: isEnd ? "" : "thin" });
        const mark = make("span", { role: "slider", tabIndex: 0, ariaValueMin: 0, ariaValueMax: 1,
          ariaLabel: `Frame ${number + 1} of ${times.length}` });
        mark.onpointerdown = (event) => drag(event, number);
        mark.onkeydown = (event) => nudge(event, number);
        return mark;
      }));
    }
    shown.forEach((t, number) => {
      const mark = $("chart").children[number];
      mark.style.setProperty("--t", t);
      if (mark.role) mark.ariaValueNow = Math.round(t * 1000) / 1000;
    });
    $("chart").children[focused]?.focus();
  }

  /** Changes the times, which makes the spacing a chart of the user's own. */
  function setTimes(list, focused) {
    times = list;
    $("spacing").value = "chart";
    $("count").disabled = true;
    $("times").value = writeTimes(list);
    drawChart(focused);
    onChange();
  }

  const between = (number, t) => Math.min(times[number + 1], Math.max(times[number - 1], t));
  const timeAt = (event) => {
    const box = $("chart").getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
  };

  function drag(event, number) {
    event.preventDefault();
    event.stopPropagation();
    const move = (moved) => setTimes(replaced(number, timeAt(moved)), number);
    const end = () => {
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", end);
      removeEventListener("pointercancel", end);
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", end);
    addEventListener("pointercancel", end);
    $("chart").children[number].focus();
  }
  const replaced = (number, t) => times.map((old, k) => (k === number ? between(number, t) : old));

  function nudge(event, number) {
    const step = { ArrowLeft: -0.01, ArrowDown: -0.01, ArrowRight: 0.01, ArrowUp: 0.01, PageDown: -0.1, PageUp: 0.1 }[event.key];
    if (step) setTimes(replaced(number, times[number] + step), number);
    else if (["Delete", "Backspace"].includes(event.key)) setTimes(times.filter((_, k) => k !== number), Math.max(1, number - 1));
    else return;
    event.preventDefault();
  }

  function addMark(event) {
    if (event.target !== $("chart") || pressed !== $("chart")) return;
    const t = timeAt(event);
    const number = times.findIndex((known) => known > t);
    if (number > 0) setTimes([...times.slice(0, number), t, ...times.slice(number)], number);
  }

  return {
    /** Shows times; those of a preset also go to the text field. */
    show(list) {
      times = list;
      if ($("spacing").value !== "chart") $("times").value = writeTimes(times);
      drawChart();
    },
    listen() {
      addEventListener("pointerdown", (event) => { pressed = event.target; }, { capture: true });
      $("chart").addEventListener("click", addMark);
    },
  };
}

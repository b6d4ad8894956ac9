// The page of `animi studio`: asks the server for drawings, and plays, compares and scrubs what comes.

import { openDesk } from "./hints.js";

const $ = (id) => document.getElementById(id);
const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};
const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const stem = (name) => name.replace(/\.[^.]*$/, "") || name;
const calm = matchMedia("(prefers-reduced-motion: reduce)");

const TINTS = [[235, 50, 25], [0, 105, 190]]; // onion skin: what was before, and what comes after
const POLL = 120; // milliseconds between two looks at the work
const MOST_MARKS = 40; // more marks than this cannot be dragged

let options; // what the server offers
let session; // the address of this page's session
let drawings = [];
let film = null;
let times = []; // of one segment's frames, as the chart shows them
let kept = []; // frames that are kept
let desk; // where hints are given
let playing = false;
let isHeld = false; // whether a hand stopped it: what is drawn anew then stays where it is
let place = 0; // where in the order of frames the result plays
let position = 0; // the moment shown: the number of a key frame, and t after the point
let isLive = false; // whether the moment shown was asked for by the slider
const results = new Map(); // by engine: the frames drawn
const panes = new Map(); // by engine: where they are shown
const downloads = new Set(); // jobs whose files are to be taken home when they are done

// What the server says

class Refusal extends Error {}

async function ask(method, path, body, kind = "application/json") {
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: body === undefined ? {} : { "Content-Type": kind },
      body: body === undefined || body instanceof Blob ? body : JSON.stringify(body),
    });
  } catch {
    throw new Refusal("The studio does not answer. Is animi studio still running?");
  }
  if (!response.ok) {
    const told = await response.json().catch(() => ({}));
    throw new Refusal(told.error ?? `The studio answers ${response.status}.`);
  }
  return response;
}
const askJson = async (...words) => (await ask(...words)).json();

/** Shows what went wrong, in the place of what was said before about the same thing. */
function complain(about, text, remedy) {
  settle(about);
  const close = make("button", { type: "button", textContent: "Close", onclick: () => settle(about) });
  const message = make("p", { className: "message" }, make("span", { textContent: text }), ...(remedy ? [remedy] : []), close);
  message.dataset.about = about;
  $("messages").append(message);
}
function settle(about) {
  for (const message of [...$("messages").children]) if (message.dataset.about === about) message.remove();
}
/** Runs what may be refused, and tells why where it is. */
async function attempt(about, work) {
  try {
    const done = await work();
    settle(about);
    return done;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    complain(about, error.message);
    return undefined;
  }
}

// Sessions, drawings and films

async function begin() {
  const known = sessionStorage.getItem("session");
  if (known) {
    try {
      session = `/api/sessions/${known}`;
      return showMaterial(await askJson("GET", session));
    } catch {
      // it has ended; a new one begins
    }
  }
  const { id } = await askJson("POST", "/api/sessions");
  sessionStorage.setItem("session", id);
  session = `/api/sessions/${id}`;
  return undefined;
}

async function startOver() {
  await ask("DELETE", session).catch(() => {});
  sessionStorage.removeItem("session");
  location.reload();
}

const natural = new Intl.Collator(undefined, { numeric: true });

async function send(files) {
  $("messages").replaceChildren();
  const sorted = [...files].sort((a, b) => natural.compare(a.name, b.name));
  for (const file of sorted) {
    say(`Taking ${file.name} …`);
    await attempt(`file ${file.name}`, async () => {
      const { upload } = await askJson("POST", `${session}/uploads`, { name: file.name, size: file.size });
      showMaterial(await askJson("PUT", `${session}/uploads/${upload}`, file, "application/octet-stream"));
    });
  }
  say("");
  watch();
}

function showMaterial(told) {
  const before = drawings.map((drawing) => drawing.id).join();
  const signature = desk.signature();
  drawings = told.drawings;
  kept = told.kept;
  desk.adopt(told);
  $("keys").replaceChildren(...drawings.map(showKey));
  $("clear").hidden = drawings.length === 0;
  $("chase").hidden = drawings.length > 0;
  if (told.film && (!film || film.name !== told.film.name || film.drawings.length !== told.film.drawings.length)) {
    film = told.film;
    showFilm();
  }
  if (before !== drawings.map((drawing) => drawing.id).join()) {
    position = 0;
    place = 0;
    isHeld = false;
    redraw();
  } else if (signature !== desk.signature()) redrawShown();
}

function showKey(drawing, number) {
  const move = (by) => () => {
    const order = drawings.map(({ id }) => id);
    order.splice(number + by, 0, ...order.splice(number, 1));
    arrange(order, number + by);
  };
  const act = (text, label, onclick, disabled = false) =>
    make("button", { type: "button", textContent: text, title: label, ariaLabel: `${label}: ${drawing.name}`, onclick, disabled });
  return make(
    "li", {},
    make("img", { src: `${session}/drawings/${drawing.id}.png`, alt: `Key frame ${number + 1}` }),
    make("span", {},
      make("b", { textContent: drawing.name, title: drawing.name }),
      make("small", { textContent: `${drawing.width}×${drawing.height}` })),
    make("span", { className: "acts" },
      act("↑", "Earlier", move(-1), number === 0),
      act("↓", "Later", move(1), number === drawings.length - 1),
      act("✕", "Remove", () => arrange(drawings.map(({ id }) => id).filter((id) => id !== drawing.id), number))),
  );
}

async function arrange(order, focused) {
  await attempt("arrange", async () => showMaterial(await askJson("PUT", `${session}/drawings`, { drawings: order })));
  $("keys").children[Math.min(focused, drawings.length - 1)]?.querySelector("button:enabled")?.focus();
}

const clock = (seconds) => `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(2).padStart(5, "0")}`;
const CADENCES = { 1: "on ones", 2: "on twos", 3: "on threes", 4: "on fours" };

function showFilm() {
  const shots = new Map();
  film.drawings.forEach(([time, shot], number) => {
    if (!shots.has(shot)) shots.set(shot, []);
    shots.get(shot).push([number, time]);
  });
  $("film").hidden = false;
  $("film-title").textContent = film.name;
  $("film-told").textContent =
    `${film.width}×${film.height}, ${film.drawings.length} drawings in ${shots.size} ${shots.size === 1 ? "shot" : "shots"}`
    + `${film.whole ? "" : ", the first of more"}; held drawings are shown once. Choose the first and the last.`;
  $("strip").replaceChildren(...[...shots].map(([shot, members]) => {
    const cadence = CADENCES[film.cadences[shot]];
    const title = `Shot ${shot + 1}, from ${clock(members[0][1])}${cadence ? `, ${cadence}` : ""}`;
    return make("section", { className: "shot" },
      make("h3", { textContent: title }),
      make("div", {}, ...members.map(([number, time]) => {
        const label = `Drawing ${number + 1}, shot ${shot + 1}, at ${clock(time)}`;
        const picture = make("img", { src: `${session}/film/${number}.jpg?${encodeURIComponent(film.name)}`, alt: "", loading: "lazy" });
        const button = make("button", { type: "button", title: label, ariaLabel: label, onclick: () => mark(number) });
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

let nextIsTo = false; // whether the next drawing that is clicked is the last of the range

function mark(number) {
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

function showChoice() {
  const [from, to] = [Number($("from").value) - 1, Number($("to").value) - 1];
  $("strip").querySelectorAll("button").forEach((button, number) => {
    button.classList.toggle("end", number === from || number === to);
    button.classList.toggle("inside", number > from && number < to && $("taking").value === "all");
    button.ariaPressed = String(number === from || number === to);
  });
  const [first, last] = [film.drawings[from], film.drawings[to]];
  $("choice-told").textContent = first && last && first[1] !== last[1]
    ? "A cut lies between them: where motion cannot be what happened, the nearer key frame is held." : "";
}

async function choose(event) {
  event.preventDefault();
  const [from, to] = [Number($("from").value) - 1, Number($("to").value) - 1].sort((a, b) => a - b);
  const all = Array.from({ length: to - from + 1 }, (_, k) => from + k);
  await attempt("film", () => askJson("POST", `${session}/film/choice`, { drawings: $("taking").value === "all" ? all : [from, to] }));
  watch();
}

async function smooth(preview) {
  const [kind, value] = $("rate").value.split(" ");
  const wanted = { engine: $("engine").value, on_failure: $("failure").value, [kind]: value, cadence: $("cadence").value,
    format: $("film-kind").value, ...(preview ? { preview } : {}) };
  const job = await attempt("film", () => askJson("POST", `${session}/film/smooth`, wanted));
  if (!job) return;
  downloads.add(job.id);
  watch();
}

// Settings

function readSettings(engine = $("engine").value) {
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

const besides = () => [...$("beside").querySelectorAll("input:checked")].map((box) => box.value);

function fillSettings() {
  const fill = (select, values) => select.replaceChildren(...values.map(([value, text]) => make("option", { value, textContent: text ?? value })));
  fill($("spacing"), [["linear", "even"], ["ease-in", "ease in: slow at the start"], ["ease-out", "ease out: slow at the end"],
    ["ease-in-out", "ease in and out"]].filter(([value]) => options.easings.includes(value)).concat([["chart", "a chart of your own"]]));
  fill($("engine"), options.engines.map((name) => [name]));
  fill($("failure"), options.on_failure.map((name) => [name, { hold: "hold the nearer key frame", blend: "blend both", morph: "draw along it anyway" }[name]]));
  fill($("cadence"), options.cadences.map((name) => [name, { smooth: "become in-betweens", keep: "keep their rhythm" }[name]]));
  fill($("film-kind"), options.film_downloads.map((name) => [name, { mp4: "MP4", webm: "WebM", mkv: "Matroska" }[name]]));
  const { count, fps, spacing, on_failure: failure } = options.defaults;
  Object.assign($("count"), { value: count });
  Object.assign($("fps"), { value: fps });
  Object.assign($("spacing"), { value: spacing });
  Object.assign($("failure"), { value: failure });
  fillBesides();
  $("downloads").replaceChildren(
    ...options.downloads.map((kind) => make("button", {
      type: "button", value: kind, disabled: true, onclick: () => takeHome(kind),
      textContent: { gif: "GIF", webp: "WebP", mp4: "MP4", png: "Animated PNG", zip: "PNGs in a zip" }[kind],
    })),
    make("button", { type: "button", value: "frame", className: "plain", disabled: true, onclick: takeFrame, textContent: "This moment as PNG" }),
  );
  const kinds = [options.accept.includes("drawings") && `PNG, JPEG, WebP, TIFF, BMP or GIF up to ${options.max_drawing} MB`,
    options.accept.includes("films") && `a film up to ${options.max_film} MB`];
  $("limits").textContent = `${kinds.filter(Boolean).join("; ")}; ${options.max_megapixels} megapixels at most`;
  $("version").textContent = `animi ${options.version}`;
}

/** Offers every engine but the one that draws, to be shown beside it. */
function fillBesides() {
  const kept = besides();
  const boxes = options.engines.filter((name) => name !== $("engine").value).map((name) =>
    make("label", {}, make("input", { type: "checkbox", value: name, checked: kept.includes(name) }), name));
  $("beside").replaceChildren($("beside").querySelector("legend"), ...boxes);
}

async function showTimes() {
  $("count").disabled = $("spacing").value === "chart";
  const found = await attempt("times", () => askJson("POST", "/api/times", readSettings()));
  if (!found) return false;
  times = found.times;
  if ($("spacing").value !== "chart") $("times").value = writeTimes(times);
  drawChart();
  return true;
}

const writeTimes = (list) => list.map((t) => String(Math.round(t * 1000) / 1000)).join(", ");

/** Draws the marks; those that are there stay and move, so that they keep the focus. */
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

/** Makes the chart the person's own. */
function setTimes(list, focused) {
  times = list;
  $("spacing").value = "chart";
  $("count").disabled = true;
  $("times").value = writeTimes(list);
  drawChart(focused);
  later();
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

let pressed = null; // where the pointer went down: a click that ends the dragging of a mark makes no other

function addMark(event) {
  if (event.target !== $("chart") || pressed !== $("chart")) return;
  const t = timeAt(event);
  const number = times.findIndex((known) => known > t);
  if (number > 0) setTimes([...times.slice(0, number), t, ...times.slice(number)], number);
}

function showCommand() {
  const quote = (word) => (/^[\w./,:=+-]+$/.test(word) && !word.startsWith("-") ? word : `'${word.replaceAll("'", "'\\''")}'`);
  const wanted = readSettings();
  const { count, fps, spacing, on_failure: failure } = options.defaults;
  const chart = wanted.spacing.replaceAll(" ", "");
  const hinted = desk.words();
  const isBlend = wanted.engine === "blend"; // which takes no hints
  const inputs = hinted.kept.length ? hinted.keys.map(nameOf) : drawings.map(({ name }) => name);
  const words = ["animi", "interpolate", ...(inputs.length ? inputs.map(quote) : ["a.png", "b.png"])];
  if (hinted.kept.length) words.push("--sheet", "sheet.csv");
  else if ($("spacing").value === "chart") words.push("--spacing", quote(chart));
  else {
    if (wanted.count !== count) words.push("-n", wanted.count);
    if (wanted.spacing !== spacing) words.push("--spacing", wanted.spacing);
  }
  if (wanted.fps !== fps) words.push("--fps", quote(wanted.fps));
  if (wanted.loop) words.push("--loop");
  if (wanted.boomerang) words.push("--boomerang");
  if (options.checkpoints.includes(wanted.engine)) words.push("--checkpoint", quote(wanted.engine));
  else if (wanted.engine !== options.engines[0]) words.push("--engine", wanted.engine);
  if (wanted.size.trim()) words.push("--size", quote(wanted.size.trim()));
  if (wanted.on_failure !== failure) words.push("--on-failure", wanted.on_failure);
  if (!isBlend) words.push(...hinted.words.map((word) => (word.startsWith("--hint") ? word : quote(word))));
  $("command").textContent = [...words, "-o", "out.gif"].join(" ");
}

const nameOf = (id) => [...drawings, ...kept].find((drawing) => drawing.id === id)?.name ?? "";

// Drawing

let turn = 0; // of what the moment shown depends on, besides the settings
/** Draws the frame that is shown anew, and then all others. */
async function redrawShown() {
  turn += 1;
  const isBetween = position % 1 > 1e-6;
  if (drawings.length >= 2 && isBetween) await scrub();
  redraw();
}

let timer;
/** Draws anew when the person pauses. */
function later() {
  showCommand();
  clearTimeout(timer);
  timer = setTimeout(redraw, 250);
}

let isAsking = false;
let asksAgain = false;
/** Asks for all that is to be seen; what changes meanwhile is asked for afterwards, so that the last change counts. */
async function redraw() {
  clearTimeout(timer);
  asksAgain = true;
  if (isAsking) return;
  isAsking = true;
  try {
    while (asksAgain) {
      asksAgain = false;
      await askForAll();
    }
  } finally {
    isAsking = false;
  }
}

async function askForAll() {
  showCommand();
  const isReady = await showTimes();
  const ready = drawings.length >= 2;
  for (const button of $("downloads").children) button.disabled = !ready || !isReady;
  if (!isReady) return;
  const wanted = ready ? [$("engine").value, ...besides()] : [];
  for (const [engine, result] of results) {
    if (wanted.includes(engine)) continue;
    if (!result.isOver) ask("DELETE", `${session}/jobs/${result.job}`).catch(() => {});
    results.delete(engine);
  }
  arrangePanes(wanted);
  $("player").hidden = !ready;
  settle("draw");
  if (!ready) {
    stop();
    return;
  }
  const keys = drawings.map(({ id }) => id);
  for (const engine of wanted) {
    const settings = readSettings(engine);
    const signature = JSON.stringify([keys, { ...settings, fps: "" }, desk.signature()]);
    if (results.get(engine)?.signature === signature) continue;
    const job = await attempt("draw", () => askJson("POST", `${session}/draw`, settings));
    if (!job) return;
    const before = results.get(engine);
    results.set(engine, { ...job.result, job: job.id, signature, images: [], decoding: [], asked: 0, isOver: false, old: before?.images.length ? before : null });
  }
  showTicks();
  const found = main();
  if (found) desk.arrange(found.keys, found.end);
  watch();
  if (isLive) scrub();
}

function arrangePanes(wanted) {
  for (const [engine, pane] of panes) {
    if (wanted.includes(engine)) continue;
    pane.figure.remove();
    panes.delete(engine);
  }
  for (const engine of wanted) {
    if (!panes.has(engine)) {
      const canvas = make("canvas", { width: 16, height: 9, role: "img" });
      panes.set(engine, { canvas, figure: make("figure", {}, canvas, make("figcaption", { textContent: engine })), moment: null, busy: null });
    }
    $("panes").append(panes.get(engine).figure);
  }
  $("panes").style.setProperty("--across", Math.max(1, wanted.length));
}

const main = () => results.get($("engine").value);

function showTicks() {
  const result = main();
  if (!result) return;
  const segments = drawings.length - ($("loop").checked ? 0 : 1);
  $("moment").max = segments;
  const marks = result.positions.length <= 400 ? result.positions : [];
  const mark = (where, isKey) => {
    const tick = make("i", { className: isKey ? "key" : "" });
    tick.style.left = `${(100 * where) / segments}%`;
    return tick;
  };
  $("ticks").replaceChildren(...marks.map((where) => mark(where, false)), ...Array.from({ length: segments + 1 }, (_, k) => mark(k, true)));
}

let isWatching = false;
let hasMore = false; // whether work was added since the last look
/** Looks at the work again and again until nothing is left to do. */
async function watch() {
  hasMore = true;
  if (isWatching) return;
  isWatching = true;
  try {
    while (hasMore) {
      hasMore = false;
      const { jobs } = await askJson("GET", `${session}/jobs`);
      showWork(jobs);
      markExpired(jobs);
      for (const job of jobs) await follow(job);
      if (jobs.some((job) => ["waiting", "running"].includes(job.state))) hasMore = true;
      if (hasMore) await wait(POLL);
    }
    settle("watch");
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    complain("watch", error.message);
  } finally {
    isWatching = false;
  }
}

const followed = new Set(); // jobs whose end was seen

async function follow(job) {
  const isOver = !["waiting", "running"].includes(job.state);
  const result = [...results.values()].find((known) => known.job === job.id);
  if (result) fetchFrames(result, job.done);
  if (!isOver || followed.has(job.id)) return;
  followed.add(job.id);
  if (result) {
    result.isOver = true;
    result.old = null;
  }
  if (job.state === "failed") {
    complain(job.kind === "draw" ? "draw" : `job ${job.title}`, job.message, job.kind === "draw" ? offerSize(job.message) : undefined);
    if (job.kind === "draw" && result) results.delete(job.result.engine);
  } else if (job.state === "done") {
    if (job.kind === "draw" && result) {
      Promise.all(result.decoding).then(() => { if (results.get(job.result.engine) === result) say(tellDrawn(job)); });
    }
    if (job.kind === "look" || job.kind === "choose") {
      showMaterial(await askJson("GET", session));
      if (job.kind === "choose") $("stage").focus();
    }
    if (job.kind === "export") showFile(job);
    if (job.kind === "doubt") desk.showWorst(job.result.worst);
  }
}

function tellDrawn(job) {
  const { engine, width, height } = job.result;
  const isSmall = !$("size").value && drawings[0] && drawings[0].width > width;
  return `${job.done} frames drawn with ${engine}${isSmall ? `, shown at ${width}×${height}; downloads are ${drawings[0].width}×${drawings[0].height}` : ""}.`;
}

/** A button that makes key frames of two sizes one, where that is what went wrong. */
function offerSize(message) {
  const [, size] = message.match(/--size (\d+x\d+)/) ?? [];
  return size && make("button", {
    type: "button", textContent: `Make them ${size}`, onclick: () => { $("size").value = size; redraw(); },
  });
}

function fetchFrames(result, done) {
  for (; result.asked < done; result.asked += 1) {
    const number = result.asked;
    const image = new Image();
    image.src = `${session}/jobs/${result.job}/frames/${number}.png`;
    result.decoding[number] = image.decode().then(() => {
      result.images[number] = image;
      if (result.old && number === 0) result.old = null;
      if (number === 0 && result === main() && !isLive) {
        if (isHeld || calm.matches) show(Math.min(place, result.order.length - 1));
        else start();
      }
      paint();
    }).catch(() => {}); // a result that was dropped in the meantime
  }
}

const begun = new Map(); // by job: when it began to run, for the time left

function showWork(jobs) {
  const active = jobs.filter((job) => ["waiting", "running"].includes(job.state));
  const known = new Map([...$("work").children].map((item) => [item.dataset.job, item]));
  for (const [id, item] of known) if (!active.some((job) => job.id === id)) item.remove();
  for (const job of active) {
    if (job.state === "running" && !begun.has(job.id)) begun.set(job.id, performance.now());
    let item = known.get(job.id);
    if (!item) {
      const cancel = make("button", { type: "button", className: "plain", textContent: "Cancel", ariaLabel: `Cancel: ${job.title}`,
        onclick: () => attempt("cancel", async () => { await ask("DELETE", `${session}/jobs/${job.id}`); downloads.delete(job.id); watch(); }) });
      item = make("li", {}, make("span", { textContent: job.title, title: job.title }), make("progress", { ariaLabel: job.title }), make("span"), cancel);
      item.dataset.job = job.id;
      $("work").append(item);
    }
    const [, bar, told] = item.children;
    if (job.total) Object.assign(bar, { max: job.total, value: job.done });
    else bar.removeAttribute("value");
    told.textContent = job.state === "waiting" ? "waits its turn" : job.total ? `${Math.floor((100 * job.done) / job.total)} %${timeLeft(job)}` : "";
  }
}

function timeLeft(job) {
  const passed = (performance.now() - begun.get(job.id)) / 1000;
  const left = job.done > 0 ? (passed * (job.total - job.done)) / job.done : 0;
  return left > 2 && passed > 1 ? `, about ${left > 90 ? `${Math.round(left / 60)} min` : `${Math.round(left)} s`} left` : "";
}

const say = (text) => { $("status").textContent = text; };

// What is seen

function frameOf(result, number) {
  if (!result) return undefined;
  for (let k = number; k >= 0; k -= 1) if (result.images[k]) return result.images[k];
  return result.old ? frameOf(result.old, Math.min(number, result.old.images.length - 1)) : undefined;
}

function paint() {
  for (const [engine, pane] of panes) {
    const result = results.get(engine);
    const number = result?.order[place % result.order.length] ?? 0;
    const shown = (isLive && pane.moment) || frameOf(result, number);
    if (!shown) continue;
    const { canvas } = pane;
    if (canvas.width !== shown.width || canvas.height !== shown.height) Object.assign(canvas, { width: shown.width, height: shown.height });
    canvas.style.setProperty("--shape", shown.width / shown.height);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.drawImage(shown, 0, 0, canvas.width, canvas.height);
    const skins = findSkins(result);
    if (skins.length) layOver(context, skins);
    if (engine === $("engine").value) desk.layOver(context);
    canvas.ariaLabel = `Drawn with ${engine}, ${$("readout").textContent}`;
  }
  document.documentElement.dataset.frame = `${place}`;
  readOut();
  if (!playing) desk.moved();
}

/** The frames that shine through, those farthest away first: [image, tint, strength]. */
function findSkins(result) {
  const kind = $("onion").value;
  if (kind === "none" || !result) return [];
  const here = position;
  const near = 1e-4;
  const before = result.positions.map((at, k) => [at, k]).filter(([at]) => at < here - near).reverse();
  const after = result.positions.map((at, k) => [at, k]).filter(([at]) => at > here + near);
  const isKey = ([at]) => Math.abs(at - Math.round(at)) < near;
  const take = (list) => (kind === "keys" ? list.filter(isKey).slice(0, 1) : list.slice(0, kind === "far" ? 2 : 1));
  const skins = [before, after].flatMap((list, side) =>
    take(list).map(([, number], distance) => [result.images[number], TINTS[side], 0.9 - 0.3 * distance]));
  return skins.filter(([image]) => image).reverse();
}

const sheet = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
/**
 * Lays frames over the picture in tints, wherever they differ from it: outlines strongly, as on an animator's desk, and
 * fills faintly. What stands still stays as it is.
 */
function layOver(context, skins) {
  const { width, height } = context.canvas;
  Object.assign(sheet.canvas, { width, height });
  const picture = context.getImageData(0, 0, width, height);
  const seen = picture.data;
  const before = seen.slice();
  for (const [image, tint, strength] of skins) {
    sheet.clearRect(0, 0, width, height);
    sheet.drawImage(image, 0, 0, width, height);
    const other = sheet.getImageData(0, 0, width, height).data;
    for (let k = 0; k < seen.length; k += 4) {
      const apart = Math.max(Math.abs(before[k] - other[k]), Math.abs(before[k + 1] - other[k + 1]),
        Math.abs(before[k + 2] - other[k + 2]), Math.abs(before[k + 3] - other[k + 3]));
      if (apart <= 10) continue;
      const dark = 1 - (0.3 * other[k] + 0.6 * other[k + 1] + 0.1 * other[k + 2]) / 255;
      const share = Math.min(1, (apart - 10) / 40) * strength * (0.3 + 0.7 * dark * dark) * (other[k + 3] / 255);
      for (let c = 0; c < 3; c += 1) seen[k + c] += share * (tint[c] - seen[k + c]);
      seen[k + 3] = Math.max(seen[k + 3], 255 * share);
    }
  }
  context.putImageData(picture, 0, 0);
}

function readOut() {
  if (drawings.length < 2) return;
  const number = Math.min(Math.floor(position), Number($("moment").max) - 1);
  const t = position - number;
  const [first, last] = [drawings[number], drawings[(number + 1) % drawings.length]];
  if (!first || !last) return;
  const where = t < 1e-6 ? `key frame ${stem(first.name)}` : t > 1 - 1e-6 ? `key frame ${stem(last.name)}`
    : `between ${stem(first.name)} and ${stem(last.name)}, t = ${t.toFixed(3)}`;
  const result = main();
  $("readout").textContent = isLive || !result ? `${where}; drawn at this moment` : `frame ${(place % result.order.length) + 1} of ${result.order.length}: ${where}`;
  $("moment").ariaValueText = where;
}

/** Shows the frame at a position. */
function goTo(at) {
  hold();
  const result = main();
  const number = result?.positions.findIndex((known) => Math.abs(known - at) < 1e-6) ?? -1;
  if (number >= 0) show(result.order.indexOf(number));
}

function show(index) {
  const result = main();
  if (!result) return;
  isLive = false;
  place = ((index % result.order.length) + result.order.length) % result.order.length;
  position = result.positions[result.order[place]];
  $("moment").value = position;
  paint();
}

let began = 0;
function start() {
  if (playing || !main()) return;
  playing = true;
  isHeld = false;
  began = performance.now() - (1000 * (place + 0.5)) / speed();
  document.documentElement.classList.add("playing");
  $("play").ariaLabel = "Stop";
  requestAnimationFrame(tick);
}
function stop() {
  playing = false;
  document.documentElement.classList.remove("playing");
  $("play").ariaLabel = "Play";
}
function hold() {
  isHeld = true;
  stop();
}
function speed() {
  const [over, under = 1] = $("fps").value.split("/").map(Number);
  const rate = over / under;
  return rate > 0 && rate <= 1000 ? rate : 12;
}
function tick(now) {
  if (!playing) return;
  const index = Math.floor(((now - began) * speed()) / 1000);
  if (main() && (isLive || index % main().order.length !== place)) show(Math.max(0, index));
  requestAnimationFrame(tick);
}

/** Draws the moment of the slider, in every pane; of the moments asked for meanwhile only the last counts. */
async function scrub() {
  hold();
  isLive = true;
  readOut();
  await Promise.all([...panes].map(([engine, pane]) => {
    pane.busy ??= drawMoments(engine, pane);
    return pane.busy;
  }));
}

/** Draws the moment shown in one pane, and again as long as another one is wanted meanwhile. */
async function drawMoments(engine, pane) {
  try {
    let drawn;
    const wanted = () => `${position} ${turn}`;
    while (isLive && drawn !== wanted()) {
      drawn = wanted();
      const picture = await ask("POST", `${session}/moment`, { ...readSettings(engine), position });
      const moment = await createImageBitmap(await picture.blob());
      pane.moment?.close();
      pane.moment = moment;
      if (isLive) paint();
    }
    settle("moment");
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    complain("moment", error.message);
  } finally {
    pane.busy = null;
  }
}

// Taking home

async function takeHome(format) {
  const job = await attempt("export", () => askJson("POST", `${session}/export`, { ...readSettings(), format }));
  if (!job) return;
  downloads.add(job.id);
  watch();
}

function hand(address, name) {
  const link = make("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
}

function showFile(job) {
  const address = `${session}/jobs/${job.id}/file`;
  const { name, frames, width, height, bytes, notes } = job.result;
  const weight = bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1000))} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
  const item = make("li", {}, make("a", { href: address, download: name, textContent: name }),
    make("small", { textContent: ` ${frames} frames, ${width}×${height}, ${weight}${notes.map((note) => `; ${note}`).join("")}` }));
  item.dataset.job = job.id;
  $("files-made").prepend(item);
  say(`${name} is written.`);
  if (downloads.delete(job.id)) hand(address, name);
}

/** Says of files that were removed, for room or because there are newer ones, that they are no longer there. */
function markExpired(jobs) {
  for (const item of $("files-made").querySelectorAll("[data-job]")) {
    if (jobs.some((job) => job.id === item.dataset.job)) continue;
    delete item.dataset.job;
    item.querySelector("a").replaceWith(make("s", { textContent: item.querySelector("a").textContent }));
    item.querySelector("small").textContent = " has expired; make it anew";
  }
}

async function takeFrame() {
  await attempt("frame", async () => {
    const picture = await (await ask("POST", `${session}/moment`, { ...readSettings(), position, full: true })).blob();
    const address = URL.createObjectURL(picture);
    hand(address, `${stem(drawings[0].name)}-${position.toFixed(3)}.png`);
    setTimeout(() => URL.revokeObjectURL(address), 10000);
  });
}

// Hands on

function listen() {
  $("files").addEventListener("change", () => {
    send($("files").files);
    $("files").value = "";
  });
  $("chase").addEventListener("click", () => attempt("chase", async () => showMaterial(await askJson("POST", `${session}/chase`))));
  $("clear").addEventListener("click", () => arrange([], 0));
  $("start-over").addEventListener("click", startOver);
  let depth = 0;
  const carriesFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  addEventListener("dragenter", (event) => { if (carriesFiles(event)) { depth += 1; document.body.classList.add("dropping"); } });
  addEventListener("dragleave", (event) => { if (carriesFiles(event) && (depth -= 1) <= 0) document.body.classList.remove("dropping"); });
  addEventListener("dragover", (event) => { if (carriesFiles(event)) event.preventDefault(); });
  addEventListener("drop", (event) => {
    depth = 0;
    document.body.classList.remove("dropping");
    if (!carriesFiles(event)) return;
    event.preventDefault();
    send(event.dataTransfer.files);
  });
  addEventListener("paste", (event) => { if (event.clipboardData?.files.length) send(event.clipboardData.files); });

  $("settings").addEventListener("submit", (event) => event.preventDefault());
  $("settings").addEventListener("input", (event) => {
    if (event.target === $("times")) $("spacing").value = "chart";
    later();
  });
  $("settings").addEventListener("change", later);
  $("engine").addEventListener("change", fillBesides);
  $("beside").addEventListener("change", later);
  addEventListener("pointerdown", (event) => { pressed = event.target; }, { capture: true });
  $("chart").addEventListener("click", addMark);
  $("choice").addEventListener("submit", choose);
  $("smooth").addEventListener("submit", (event) => {
    event.preventDefault();
    smooth();
  });
  $("film-preview").addEventListener("click", () => smooth(5));
  $("choice").addEventListener("input", showChoice);
  $("choice").addEventListener("change", showChoice);

  $("play").addEventListener("click", () => (playing ? hold() : start()));
  $("back").addEventListener("click", () => { hold(); show(place - 1); });
  $("forth").addEventListener("click", () => { hold(); show(place + 1); });
  $("moment").addEventListener("input", () => {
    position = Number($("moment").value);
    scrub();
  });
  $("onion").addEventListener("change", () => {
    $("tints").hidden = $("onion").value === "none";
    paint();
  });
  addEventListener("keydown", (event) => {
    if (event.target.closest("input, select, button, summary, a, [role=slider]") || event.ctrlKey || event.metaKey || event.altKey) return;
    const press = { " ": "play", ",": "back", ".": "forth" }[event.key];
    if (!press || $("player").hidden) return;
    event.preventDefault();
    $(press).click();
  });
  $("copy").addEventListener("click", async () => {
    await navigator.clipboard.writeText($("command").textContent).then(() => say("Copied."), () => say("The browser does not allow copying here."));
  });
}

// the cookie lets the page in from now on; its token is not left to be seen, or to be copied along with the address
desk = openDesk({
  $, make, ask, askJson, attempt, complain, say, hand, readSettings, showCommand, showMaterial, redrawShown, paint, hold, goTo, watch, nameOf,
  session: () => session, drawings: () => drawings, position: () => position, isPlaying: () => playing,
});
if (location.search) history.replaceState(null, "", "/");
options = await askJson("GET", "/api/options").catch((error) => complain("options", error.message));
if (options) {
  fillSettings();
  if (await attempt("session", async () => { await begin(); return true; })) {
    listen(); // not before: what a hand does needs the session
    document.documentElement.dataset.ready = "";
    await redraw();
    watch();
  }
}

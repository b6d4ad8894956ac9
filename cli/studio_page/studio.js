// The page of `animi studio`: key frames and settings, requests for frames, and playing, comparing and scrubbing them.

import { openChart } from "./chart.js";
import { writeCommand } from "./command.js";
import { openFilm } from "./film.js";
import { openDesk } from "./hints.js";
import { findSkins, overlaySkins } from "./onion.js";
import { $, RequestError, ask, askJson, attempt, clearError, download, downloadBlob, make, showStatus, showError, stem, upload, wait } from "./page.js";
import { besides, fillBesides, fillSettings, readSettings } from "./settings.js";
import { isOver, showWork } from "./work.js";

const calm = matchMedia("(prefers-reduced-motion: reduce)");

const POLL = 120; // milliseconds between requests for the state of jobs

let options; // what the server offers
let session; // the path of this page's session
let drawings = []; // the key frames
let film; // the film's part of the page
let chart; // the spacing chart
let kept = []; // in-betweens that the user kept as key frames
let desk; // the editor of hints
let playing = false;
let isHeld = false; // whether the user stopped it, so that a new result does not start playing
let place = 0; // index of the frame shown, in playing order
let position = 0; // position shown: index of a key frame plus t
let isLive = false; // whether a single frame at the slider's position is shown
const results = new Map(); // frames drawn, by engine
const panes = new Map(); // canvases, by engine

// Sessions, drawings and films

async function begin() {
  const known = sessionStorage.getItem("session");
  if (known) {
    try {
      session = `/api/sessions/${known}`;
      adopt((await askJson("GET", `${session}/jobs`)).jobs);
      return showMaterial(await askJson("GET", session));
    } catch {
      // the session has ended; start a new one
    }
  }
  const { id } = await askJson("POST", "/api/sessions");
  sessionStorage.setItem("session", id);
  session = `/api/sessions/${id}`;
  return undefined;
}

/** Takes the jobs that were over before the page was loaded: nothing of them is new but the files. */
function adopt(jobs) {
  for (const job of jobs.filter(isOver)) {
    followed.add(job.id);
    if (job.kind === "export" && job.state === "done") showFile(job);
  }
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
  const isHints = (file) => /\.(json|zip)$/i.test(file.name);
  for (const file of sorted.filter((each) => !isHints(each))) {
    showStatus(`Sending ${file.name} …`);
    await attempt(`file ${file.name}`, async () => showMaterial(await upload(session, file)));
  }
  showStatus("");
  watch();
  for (const file of sorted.filter(isHints)) await desk.load(file);
}

function showMaterial(material) {
  const before = drawings.map((drawing) => drawing.id).join();
  const signature = desk.signature();
  drawings = material.drawings;
  kept = material.kept;
  desk.adopt(material);
  if (drawings.length < 2) desk.arrange([], 0);
  $("keys").replaceChildren(...drawings.map(showKey));
  $("clear").hidden = drawings.length === 0;
  $("chase").hidden = drawings.length > 0;
  film.adopt(material.film);
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

// Settings

async function showTimes() {
  $("count").disabled = $("spacing").value === "chart";
  const found = await attempt("times", () => askJson("POST", "/api/times", readSettings()));
  if (!found) return false;
  chart.show(found.times);
  return true;
}

function showCommand() {
  const hinted = desk.forCommand();
  const names = hinted.kept.length ? hinted.keys.map(nameOf) : drawings.map(({ name }) => name);
  if (main()?.guided === false) hinted.words = []; // until its engine is opened, it is not known
  $("command").textContent = writeCommand(readSettings(), options, names, hinted, $("spacing").value === "chart");
}

const nameOf = (id) => [...drawings, ...kept].find((drawing) => drawing.id === id)?.name ?? "";

// Drawing

let version = 0; // of the inputs of a single frame, other than the settings
/** Draws the frame shown again, and then all others. */
async function redrawShown() {
  version += 1;
  const isBetween = position % 1 > 1e-6;
  if (drawings.length >= 2 && isBetween) await scrub();
  redraw();
}

let timer;
/** Draws again when the user pauses. */
function later() {
  showCommand();
  clearTimeout(timer);
  timer = setTimeout(redraw, 250);
}

let isAsking = false;
let asksAgain = false;
/** Requests all frames; changes in the meantime cause another round, so that the last one counts. */
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
  clearError("draw");
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
let hasMore = false; // whether work was added since the last request
const awaited = new Map(); // what to do when a job is over that this page has requested, by its id

/** Polls the state of jobs until none is left; `whenOver` is called with `job` when that is over. */
async function watch(job, whenOver) {
  if (whenOver) awaited.set(job.id, whenOver);
  hasMore = true;
  if (isWatching) return;
  isWatching = true;
  try {
    while (hasMore) {
      hasMore = false;
      const { jobs } = await askJson("GET", `${session}/jobs`);
      showWork(jobs, cancel);
      markExpired(jobs);
      for (const each of jobs) await follow(each);
      if (!jobs.every(isOver)) hasMore = true;
      if (hasMore) await wait(POLL);
    }
    clearError("watch");
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    showError("watch", error.message);
  } finally {
    isWatching = false;
  }
}

const cancel = (job) => attempt("cancel", async () => {
  await ask("DELETE", `${session}/jobs/${job.id}`);
  watch();
});

const followed = new Set(); // jobs whose end was handled

async function follow(job) {
  const result = [...results.values()].find((known) => known.job === job.id);
  if (result) {
    if (result.guided !== job.result.guided) {
      result.guided = job.result.guided;
      showCommand();
    }
    fetchFrames(result, job.done);
  }
  if (!isOver(job)) return;
  if (!followed.has(job.id)) await finish(job, result);
  awaited.get(job.id)?.(job); // not in `finish`: the job may be over before the page knows that it has requested it
  awaited.delete(job.id);
}

async function finish(job, result) {
  followed.add(job.id);
  if (result) {
    result.isOver = true;
    result.old = null;
  }
  if (job.state === "failed") {
    showError(job.kind === "draw" ? "draw" : `job ${job.title}`, job.message, job.kind === "draw" ? offerSize(job.message) : undefined);
    if (job.kind === "draw" && result) results.delete(job.result.engine);
  } else if (job.state === "done") {
    if (job.kind === "draw" && result) {
      Promise.all(result.decoding).then(() => { if (results.get(job.result.engine) === result) showStatus(describeDrawn(job)); });
    }
    if (job.kind === "scan" || job.kind === "choose") showMaterial(await askJson("GET", session));
    if (job.kind === "export") {
      showFile(job);
      showStatus(`${job.result.name} is written.`);
    }
  }
}

function describeDrawn(job) {
  const { engine, width, height } = job.result;
  const isSmall = !$("size").value && drawings[0] && drawings[0].width > width;
  return `${job.done} frames drawn with ${engine}${isSmall ? `, shown at ${width}×${height}; downloads are ${drawings[0].width}×${drawings[0].height}` : ""}.`;
}

/** A button that scales key frames to one size, if the error asks for that. */
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
    }).catch(() => {}); // the result was dropped in the meantime
  }
}

// Painting and playing

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
    const skins = findSkins(result, position, $("onion").value);
    if (skins.length) overlaySkins(context, skins);
    if (engine === $("engine").value) desk.overlayDoubt(context);
    canvas.ariaLabel = `Drawn with ${engine}, ${$("readout").textContent}`;
  }
  document.documentElement.dataset.frame = `${place}`;
  readOut();
  if (!playing) desk.moved();
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
  $("readout").textContent = isLive || !result ? `${where}; not one of the frames` : `frame ${(place % result.order.length) + 1} of ${result.order.length}: ${where}`;
  $("moment").ariaValueText = where;
}

/** Shows the frame at a position, if there is one. */
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

/** Draws the frame at the slider's position in every pane; only the last position requested meanwhile counts. */
async function scrub() {
  hold();
  isLive = true;
  readOut();
  await Promise.all([...panes].map(([engine, pane]) => {
    pane.busy ??= drawMoments(engine, pane);
    return pane.busy;
  }));
}

/** Draws the frame at the current position in one pane, repeatedly while the position changes. */
async function drawMoments(engine, pane) {
  try {
    let drawn;
    const wanted = () => `${position} ${version}`;
    while (isLive && drawn !== wanted()) {
      drawn = wanted();
      const picture = await ask("POST", `${session}/moment`, { ...readSettings(engine), position });
      const moment = await createImageBitmap(await picture.blob());
      pane.moment?.close();
      pane.moment = moment;
      if (isLive) paint();
    }
    clearError("moment");
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    showError("moment", error.message);
  } finally {
    pane.busy = null;
  }
}

// Downloads

async function takeHome(format) {
  const job = await attempt("export", () => askJson("POST", `${session}/export`, { ...readSettings(), format }));
  if (job) watch(job, takeFile);
}

function showFile(job) {
  const { name, frames, width, height, bytes, notes } = job.result;
  const weight = bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1000))} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
  const item = make("li", {}, make("a", { href: fileOf(job), download: name, textContent: name }),
    make("small", { textContent: ` ${frames} frames, ${width}×${height}, ${weight}${notes.map((note) => `; ${note}`).join("")}` }));
  item.dataset.job = job.id;
  $("files-made").prepend(item);
}

const fileOf = (job) => `${session}/jobs/${job.id}/file`;
const takeFile = (job) => { if (job.state === "done") download(fileOf(job), job.result.name); };

/** Marks files that the server has removed, for space or because there are newer ones. */
function markExpired(jobs) {
  for (const item of $("files-made").querySelectorAll("[data-job]")) {
    if (jobs.some((job) => job.id === item.dataset.job)) continue;
    delete item.dataset.job;
    item.querySelector("a").replaceWith(make("s", { textContent: item.querySelector("a").textContent }));
    item.querySelector("small").textContent = " has expired; write it again";
  }
}

async function takeFrame() {
  await attempt("frame", async () => {
    const picture = await (await ask("POST", `${session}/moment`, { ...readSettings(), position, full: true })).blob();
    downloadBlob(picture, `${stem(drawings[0].name)}-${position.toFixed(3)}.png`);
  });
}

// Events

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
  $("engine").addEventListener("change", () => fillBesides(options));
  $("beside").addEventListener("change", later);

  film.listen();
  chart.listen();

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
    await navigator.clipboard.writeText($("command").textContent).then(() => showStatus("Copied."), () => showStatus("The browser does not allow this page to copy."));
  });
}

chart = openChart(later);
film = openFilm({ session: () => session, watch, takeFile });
desk = openDesk({
  readSettings, showCommand, showMaterial, redrawShown, paint, hold, goTo, watch, nameOf,
  session: () => session, drawings: () => drawings, position: () => position, isPlaying: () => playing,
});
// from now on the cookie authenticates; remove the token from the address, where it could be seen or copied
if (location.search) history.replaceState(null, "", "/");
options = await askJson("GET", "/api/options").catch((error) => showError("options", error.message));
if (options) {
  fillSettings(options, takeHome, takeFrame);
  if (await attempt("session", async () => { await begin(); return true; })) {
    listen(); // now that there is a session
    document.documentElement.dataset.ready = "";
    await redraw();
    watch();
  }
}

// The editor of hints: the user marks on two drawings how things move from one to the other.
//
// Points are in pixels of the hints' picture (`size`), as in a file of hints; tracks.js describes them.

import { writeHints } from "./command.js";
import { openDoubt } from "./doubt.js";
import { openHintFiles } from "./hint_files.js";
import { ARROWS, showList } from "./hint_list.js";
import { NEAR, magnify, paintArrow, paintCross, paintDot, paintEdgedArrow, paintMatch, paintStrokes, paintTrack } from "./hint_painting.js";
import { openKept } from "./kept.js";
import { $, ask, askJson, attempt, showStatus, showError } from "./page.js";
import { apart, clampInside, endOf, kindOf, middleOf, pointsOf, round, startOf } from "./tracks.js";

const MOVED = 4; // pixels of the screen: a longer movement is a drag, not a click
const MOST = 200; // largest number of hints of a pair, and of undo steps

export function openDesk(studio) {
  const boards = [0, 1].map((side) => ({ side, canvas: $(side ? "board-last" : "board-first"), centre: null, cursor: null, picture: null }));
  const pictures = new Map(); // the boards' pictures, by key frame and size
  let hints = { size: null, pairs: [] };
  const state = () => JSON.stringify(hints);
  let accepted = state(); // the hints that the server accepted last
  let kept = [];
  let keys = []; // [name, position] of all key frames, including kept ones
  let end = 0;
  let undone = [];
  let done = []; // the states before each change
  let half = null; // an unfinished hint with one point: { side, point }
  let chosen = null; // index of the selected track
  let chosenMatch = null;
  let matches = [];
  let matchesOf = ""; // the inputs they were requested for
  let zoom = 1;
  let grip = null; // what the pointer drags
  let pointer = null; // its position: { side, point }
  let sending = Promise.resolve();

  let shownNames = ""; // of the pair shown
  let isWanted = false; // whether the user has opened the editor; without two key frames, it is hidden all the same

  const isOpen = () => !$("desk").hidden;
  function open(wanted) {
    isWanted = wanted;
    $("desk").hidden = !isWanted || keys.length < 2;
    $("hinting").ariaExpanded = String(isOpen());
  }
  const tool = () => document.querySelector("#tools input:checked").value;
  const size = () => hints.size ?? [studio.drawings()[0].width, studio.drawings()[0].height];

  /** Indices of the key frames around the position shown, of which there are two or more. */
  function around() {
    const position = studio.position();
    let first = 0;
    while (first + 1 < keys.length && keys[first + 1][1] <= position + 1e-6) first += 1;
    if (first + 1 >= keys.length && end <= keys[keys.length - 1][1]) first -= 1;
    return [first, (first + 1) % keys.length];
  }
  const names = () => (keys.length < 2 ? [] : around().map((number) => keys[number][0]));
  function pair() {
    const [first, last] = names();
    return hints.pairs.find(({ keys: known }) => known[0] === first && known[1] === last) ?? { keys: [first, last], tracks: [], strokes: [] };
  }
  const keptFrames = openKept(studio);
  const files = openHintFiles(studio, { state, sent: () => sending, replace, open: () => open(true) });
  const doubt = openDoubt(studio, {
    state: () => [state(), kept],
    sent: () => sending,
    centre: (x, y) => boards.forEach((board) => { board.centre = board.cursor = [x * size()[0], y * size()[1]]; }),
    showAll,
  });

  // Changes

  /** Changes the hints: `change` gets the pair to modify. */
  function edit(change) {
    const own = structuredClone(pair());
    change(own);
    if (own.tracks.length > MOST) {
      showError("hints", `a pair can have ${MOST} hints at most; delete one first`);
      return;
    }
    const others = hints.pairs.filter(({ keys: known }) => known.join() !== own.keys.join());
    replace({ size: size(), pairs: own.tracks.length || own.strokes.length ? [...others, own] : others });
  }
  function replace(changed) {
    const before = state();
    hints = changed;
    if (state() === before) return;
    done = [...done.slice(1 - MOST), before];
    undone = [];
    submit();
  }

  /** Sends the hints; if the server rejects them, those that it accepted last are restored. */
  function submit() {
    const began = performance.now();
    showAll();
    const sent = state();
    sending = sending.then(async () => {
      const answer = await attempt("hints", () => askJson("PUT", `${studio.session()}/hints`, JSON.parse(sent)));
      if (!answer) {
        hints = JSON.parse(accepted);
        const back = done.lastIndexOf(accepted);
        if (back >= 0) done = done.slice(0, back); // including later changes
        chosen = null;
        showAll();
        return;
      }
      accepted = sent;
      if (sent !== state()) return; // a newer change follows
      await studio.redrawShown();
      showAll();
      document.documentElement.dataset.redrawn = Math.round(performance.now() - began);
    });
    return sending;
  }

  function step(from, to) {
    const before = state();
    const next = from.pop();
    if (next === undefined) return;
    to.push(before);
    hints = JSON.parse(next);
    chosen = half = null;
    submit();
  }
  const undo = () => step(done, undone);
  const redo = () => step(undone, done);

  function addTrack(track) {
    half = null;
    edit((own) => { own.tracks.push(track); chosen = own.tracks.length - 1; chosenMatch = null; });
  }
  function setTrack(number, track) {
    edit((own) => { own.tracks[number] = track; });
  }
  function remove(number = chosen) {
    if (number === null) return;
    chosen = null;
    edit((own) => own.tracks.splice(number, 1));
  }
  /** Turns the unfinished hint, the selected match or the selected hint into one that stays, goes or comes. */
  function mark(kind, number = chosen) {
    const own = half ? half.point : chosenMatch !== null ? matches[chosenMatch]?.[0] : null;
    const side = half?.side ?? 0;
    const ends = own || number === null ? [own] : [startOf(pair().tracks[number]), endOf(pair().tracks[number])];
    const point = (kind === "comes" ? ends.reverse() : ends).find(Boolean);
    if (!point) return;
    const track = kind === "stays" ? [point] : kind === "comes" || (own && side === 1) ? [null, point] : [point, null];
    if (own) addTrack(track);
    else setTrack(number, track);
  }
  function move(number, index, point) {
    edit((own) => {
      const track = own.tracks[number];
      const points = pointsOf(track);
      points.splice(index, 1, point.map(round)); // an index below 0 counts from the end
    });
  }
  /** Bends a path through `point`. */
  function bend(number, point) {
    edit((own) => {
      const points = pointsOf(own.tracks[number]);
      own.tracks[number] = [points[0], point.map(round), points.at(-1)];
    });
  }
  // Coordinates

  function fit(board) {
    const [width, height] = size();
    const box = board.canvas.getBoundingClientRect();
    board.centre ??= [width / 2, height / 2];
    const scale = (zoom * box.width) / width;
    const room = [box.width / scale / 2, box.height / scale / 2];
    board.centre = board.centre.map((value, k) => {
      const side = [width, height][k];
      return 2 * room[k] >= side ? side / 2 : Math.min(side - room[k], Math.max(room[k], value));
    });
    return { box, scale };
  }
  function toScreen(board, point) {
    const { box, scale } = fit(board);
    return [(point[0] + 0.5 - board.centre[0]) * scale + box.width / 2, (point[1] + 0.5 - board.centre[1]) * scale + box.height / 2];
  }
  function fromScreen(board, x, y) {
    const { box, scale } = fit(board);
    return clampInside([(x - box.width / 2) / scale + board.centre[0] - 0.5, (y - box.height / 2) / scale + board.centre[1] - 0.5], size());
  }
  const screenOf = (event, board) => {
    const box = board.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const placeOf = (event, board) => fromScreen(board, ...screenOf(event, board));
  const boardAt = (event) => boards.find(({ canvas }) => {
    const box = canvas.getBoundingClientRect();
    return event.clientX >= box.left && event.clientX < box.right && event.clientY >= box.top && event.clientY < box.bottom;
  });

  function setZoom(value, board, at) {
    const fixed = board && fromScreen(board, ...at); // stays where it is seen
    zoom = Math.min(32, Math.max(1, value));
    if (board) {
      const { box, scale } = fit(board);
      board.centre = [fixed[0] + 0.5 - (at[0] - box.width / 2) / scale, fixed[1] + 0.5 - (at[1] - box.height / 2) / scale];
    } else if (boards[0].cursor) boards.forEach((each) => { each.centre = [...(each.cursor ?? boards[0].cursor)]; });
    paint();
  }

  /** The nearest handle at a position of a board; null if none is near. */
  function handleAt(board, screen) {
    const found = [];
    const offer = (point, handle) => { if (point) found.push([apart(toScreen(board, point), screen), handle]); };
    pair().tracks.forEach((track, number) => {
      const kind = kindOf(track);
      const points = pointsOf(track);
      if (kind === "stays") return offer(points[0], { kind: "point", number, index: 0 });
      if (kind === "goes") return board.side === 0 && offer(points[0], { kind: "point", number, index: 0 });
      if (kind === "comes") return board.side === 1 && offer(points[1], { kind: "point", number, index: -1 });
      if (board.side === 0) offer(points[0], { kind: "point", number, index: 0 });
      offer(endOf(track), { kind: "point", number, index: -1 });
      if (apart(points[0], endOf(track)) * fit(board).scale > 3 * NEAR || points.length > 2) offer(middleOf(track), { kind: "middle", number });
      return undefined;
    });
    if ($("own").checked && !found.some(([away]) => away <= NEAR)) {
      matches.forEach(([, target], number) => offer(target, { kind: "match", number }));
      if (board.side === 0) matches.forEach(([from], number) => offer(from, { kind: "match", number }));
    }
    found.sort((a, b) => a[0] - b[0]);
    return found.length && found[0][0] <= NEAR ? found[0][1] : null;
  }

  // Pointer and keys

  function press(event, board) {
    const screen = screenOf(event, board);
    const point = placeOf(event, board);
    board.cursor = point;
    board.canvas.focus({ preventScroll: true });
    if (event.button === 1 || event.button === 2) grip = { kind: "pan", board, screen, centre: [...board.centre] };
    else if (event.button !== 0) return;
    else if (tool() !== "point") grip = { kind: "brush", board, points: [point.map(round)] };
    else {
      const handle = handleAt(board, screen);
      grip = { ...(handle ?? { kind: "new" }), board, screen, from: point, at: point, moved: false };
      if (handle?.kind === "match") { chosenMatch = handle.number; chosen = null; }
      else if (handle) { chosen = handle.number; chosenMatch = null; }
    }
    event.preventDefault();
    board.canvas.setPointerCapture(event.pointerId);
    showAll();
  }

  function drag(event, board) {
    const over = boardAt(event) ?? board;
    pointer = { side: over.side, point: placeOf(event, over) };
    if (grip) {
      if (grip.kind === "pan") {
        const now = screenOf(event, grip.board);
        const { scale } = fit(grip.board);
        grip.board.centre = grip.centre.map((value, k) => value - (now[k] - grip.screen[k]) / scale);
      } else if (grip.kind === "brush") {
        const point = placeOf(event, grip.board).map(round);
        if (apart(point, grip.points.at(-1)) * fit(grip.board).scale >= 2) grip.points.push(point);
      } else {
        grip.at = placeOf(event, over);
        grip.over = over;
        grip.moved ||= over !== grip.board || apart(screenOf(event, grip.board), grip.screen) > MOVED;
      }
    }
    paint();
  }

  function release(event) {
    if (!grip) return;
    const held = grip;
    grip = null;
    const at = held.at?.map(round);
    if (held.kind === "brush") {
      const painted = stroke(held.points);
      edit((own) => own.strokes.push(painted));
    } else if (held.kind === "point" && held.moved) move(held.number, held.index, at);
    else if (held.kind === "middle" && held.moved) bend(held.number, at);
    else if (held.kind === "match" && held.moved) addTrack([matches[held.number][0].map(round), at]);
    else if (held.kind === "new" && held.moved) {
      addTrack(held.board.side === 1 && held.over?.side === 0 ? [at, held.from.map(round)] : [held.from.map(round), at]);
    } else if (held.kind === "new") click(held.board, held.from);
    showAll();
  }

  /** Starts a hint with a point of one drawing, or finishes it with a point of the other. */
  function click(board, point) {
    const rounded = point.map(round);
    chosenMatch = null;
    if (tool() !== "point") {
      const painted = stroke([rounded]);
      edit((own) => own.strokes.push(painted));
    } else if (half && half.side !== board.side) addTrack(half.side === 0 ? [half.point, rounded] : [rounded, half.point]);
    else {
      half = { side: board.side, point: rounded };
      chosen = null;
      showStatus(`Now click the same point in the ${board.side ? "first" : "last"} drawing; Esc cancels.`);
    }
    showAll();
  }

  function giveUp() {
    const had = half || grip || chosen !== null || chosenMatch !== null;
    half = grip = chosen = chosenMatch = null;
    showAll();
    return had;
  }

  function type(event, board) {
    const way = ARROWS[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const far = event.shiftKey ? 10 : 1;
    if (way) {
      const by = Math.max(1, size()[0] / 640 / zoom) * far;
      board.cursor ??= size().map((side) => side / 2);
      board.cursor = clampInside(board.cursor.map((value, k) => value + by * way[k]), size());
      pointer = { side: board.side, point: board.cursor };
      if (zoom > 1) board.centre = [...board.cursor];
      paint();
    } else if (event.key === "Enter" || event.key === " ") {
      board.cursor ??= size().map((side) => side / 2);
      const whole = half && half.side !== board.side;
      click(board, board.cursor);
      if (tool() === "point") {
        const other = boards[1 - board.side];
        other.cursor = whole ? other.cursor ?? board.cursor : [...board.cursor];
        other.canvas.focus({ preventScroll: true });
      }
    } else if (event.key === "Escape") { if (!giveUp()) return; }
    else if (event.key === "Delete" || event.key === "Backspace") remove();
    else if (event.key === "s") mark("stays");
    else if (event.key === "g") mark("goes");
    else if (event.key === "c") mark("comes");
    else if (event.key === "m") nextMatch();
    else if (event.key === "+" || event.key === "=") setZoom(zoom * 1.5);
    else if (event.key === "-") setZoom(zoom / 1.5);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  function nextMatch() {
    if (!matches.length) return;
    $("own").checked = true;
    chosenMatch = ((chosenMatch ?? -1) + 1) % matches.length;
    chosen = half = null;
    boards[0].cursor = matches[chosenMatch][0];
    boards[1].cursor = matches[chosenMatch][1];
    if (zoom > 1) boards.forEach((board) => { board.centre = [...board.cursor]; });
    showAll();
  }

  // Painting

  let isPainting = false;
  function paint() {
    if (isPainting || !isOpen()) return;
    isPainting = true;
    requestAnimationFrame(() => {
      isPainting = false;
      if (!isOpen()) return;
      boards.forEach(paintBoard);
      const board = pointer && boards[pointer.side];
      if (board?.picture) magnify(board.picture, pointer.point, size(), fit(board).scale);
      else magnify(null);
    });
  }

  function paintBoard(board) {
    const [width, height] = size();
    const { canvas } = board;
    canvas.style.setProperty("--shape", width / height);
    const { box, scale } = fit(board);
    const dense = window.devicePixelRatio || 1;
    const wanted = [Math.max(1, Math.round(box.width * dense)), Math.max(1, Math.round(box.height * dense))];
    if (canvas.width !== wanted[0] || canvas.height !== wanted[1]) [canvas.width, canvas.height] = wanted;
    const context = canvas.getContext("2d");
    context.setTransform(dense, 0, 0, dense, 0, 0);
    context.clearRect(0, 0, box.width, box.height);
    const corner = toScreen(board, [-0.5, -0.5]);
    context.imageSmoothingEnabled = scale < 3;
    const lay = (picture, alpha) => {
      if (!picture) return;
      context.globalAlpha = alpha;
      context.drawImage(picture, corner[0], corner[1], width * scale, height * scale);
      context.globalAlpha = 1;
    };
    lay(board.picture, 1);
    if (board.picture) canvas.dataset.shows = names()[board.side];
    if ($("overlaid").checked) lay(boards[1 - board.side].picture, 0.5);
    const place = (point) => toScreen(board, point);
    paintStrokes(context, place, strokesShown(), scale);
    if ($("own").checked) matches.forEach((match, number) => paintMatch(context, place, board.side, shiftedMatch(match, number), number === chosenMatch));
    pair().tracks.forEach((track, number) => paintTrack(context, place, board.side, shifted(track, number), number, number === chosen));
    if (half) paintHalf(context, board);
    if (grip?.kind === "new" && grip.moved) paintEdgedArrow(context, place(grip.from), place(grip.at), [["#fff", 4], ["#222", 2]]);
    if (document.activeElement === canvas && board.cursor) paintCross(context, toScreen(board, board.cursor));
  }

  const stroke = (points) => ({ points, width: Number($("brush").value) * size()[0] / 100, erases: tool() === "erase" });
  /** The strokes, with the one that is being painted. */
  const strokesShown = () => [...pair().strokes, ...(grip?.kind === "brush" ? [stroke(grip.points)] : [])];

  /** A match while its head is dragged. */
  const shiftedMatch = ([from, target], number) => [from, grip?.kind === "match" && grip.number === number && grip.moved ? grip.at : target];

  /** A track while its handle is dragged. */
  function shifted(track, number) {
    if (!grip?.moved || grip.number !== number || !["point", "middle"].includes(grip.kind)) return track;
    const points = structuredClone(pointsOf(track));
    if (grip.kind === "middle") return [points[0], grip.at, points.at(-1)];
    points.splice(grip.index, 1, grip.at);
    return points;
  }

  function paintHalf(context, board) {
    const at = toScreen(board, half.point);
    if (board.side === half.side) return paintDot(context, at, "#222", "?", true);
    const target = pointer?.side === board.side ? pointer.point : board.cursor;
    if (target) paintArrow(context, at, toScreen(board, target), "#222", 2);
    return undefined;
  }

  const listActions = {
    mark, setTrack, remove, giveUp,
    select(number) { chosen = number; chosenMatch = half = null; showAll(); },
    erase: () => edit((own) => { own.strokes = []; }),
    /** Moves a hint's end by arrow keys, or with Alt its start; returns whether there is such a point. */
    nudge(number, way, event) {
      chosen = number;
      const track = pair().tracks[number];
      const index = event.altKey || endOf(track) === null ? 0 : -1;
      const from = index ? endOf(track) : startOf(track);
      if (!from) return false;
      const by = event.shiftKey ? 10 : 1;
      move(number, index, clampInside(from.map((value, k) => value + by * way[k]), size()));
      return true;
    },
  };

  function showAll() {
    if (!isOpen()) return;
    const [first, last] = around();
    const title = (number) => studio.nameOf(keys[number][0]);
    $("of-first").textContent = `First: ${title(first)}`;
    $("of-last").textContent = `Last: ${title(last)}`;
    boards[0].canvas.ariaLabel = `First drawing, ${title(first)}: arrow keys move the cross, Enter sets a point`;
    boards[1].canvas.ariaLabel = `Last drawing, ${title(last)}: arrow keys move the cross, Enter sets the point`;
    $("undo").disabled = !done.length;
    $("redo").disabled = !undone.length;
    $("save-hints").disabled = !hints.pairs.length && !kept.length;
    const { tracks } = pair();
    if (chosen !== null && chosen >= tracks.length) chosen = null;
    $("half").hidden = !half && chosenMatch === null;
    $("half-note").textContent = half ? `A point in the ${half.side ? "last" : "first"} drawing is set:`
      : chosenMatch !== null ? `animi's match ${chosenMatch + 1} of ${matches.length}: drag its head to the correct place, or` : "";
    $("half-gone").textContent = half?.side === 1 ? "It comes" : "It is gone";
    $("half-right").hidden = chosenMatch === null;
    $("next-match").disabled = !matches.length;
    showList(pair(), chosen, listActions);
    keptFrames.show(kept);
    fetchPictures();
    fetchMatches();
    paint();
    studio.showCommand();
  }

  async function fetchPictures() {
    const settings = studio.readSettings();
    await Promise.all(around().map(async (number, side) => {
      const [name, at] = keys[number];
      const of = `${name} ${settings.size}`;
      if (!pictures.has(of)) {
        pictures.set(of, ask("POST", `${studio.session()}/moment`, { ...settings, position: at })
          .then(async (answer) => createImageBitmap(await answer.blob())).catch(() => { pictures.delete(of); }));
        while (pictures.size > 12) pictures.delete(pictures.keys().next().value);
      }
      const picture = await pictures.get(of);
      if (names()[side] === name) boards[side].picture = picture ?? null;
    }));
    paint();
  }

  /** Requests animi's own matches, without those that a hint replaces. */
  async function fetchMatches() {
    if (!$("own").checked) return;
    const of = JSON.stringify([names(), state(), studio.readSettings().engine, studio.readSettings().size]);
    if (of === matchesOf) return;
    matchesOf = of;
    await sending;
    if (!isOpen()) return;
    const [first, last] = around();
    const start = keys[first][1];
    const middle = (start + (keys[last][1] > start ? keys[last][1] : end)) / 2;
    const answer = await attempt("matches", () => askJson("POST", `${studio.session()}/matches`, { ...studio.readSettings(), position: middle }));
    if (!answer || of !== matchesOf) return;
    const near = size()[0] / 100;
    const hinted = pair().tracks.map((track) => startOf(track)).filter(Boolean);
    matches = answer.matches.filter(([from]) => !hinted.some((point) => apart(point, from) < near));
    if (chosenMatch !== null && chosenMatch >= matches.length) chosenMatch = null;
    document.documentElement.dataset.matches = matches.length;
    showAll();
  }

  /** Returns the hints for the command: its words, the kept frames, and all key frames in order. */
  function forCommand() {
    const isScaled = Boolean(studio.readSettings().size)
      || !studio.drawings().every(({ width, height }) => width === size()[0] && height === size()[1]);
    const names = keys.map(([name]) => name);
    return { words: writeHints(hints.pairs, names, isScaled), kept: keys.filter(([, at]) => !Number.isInteger(at)).map(([name]) => name), keys: names };
  }

  // Events

  boards.forEach((board) => {
    const { canvas } = board;
    canvas.addEventListener("pointerdown", (event) => press(event, board));
    canvas.addEventListener("pointermove", (event) => drag(event, board));
    canvas.addEventListener("pointerup", release);
    canvas.addEventListener("pointercancel", () => { grip = null; paint(); });
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("keydown", (event) => type(event, board));
    canvas.addEventListener("focus", paint);
    canvas.addEventListener("blur", paint);
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      setZoom(zoom * 1.2 ** (-event.deltaY / 100), board, screenOf(event, board));
    }, { passive: false });
  });
  $("hinting").addEventListener("click", () => {
    open(!isOpen());
    studio.hold();
    showAll();
  });
  $("undo").addEventListener("click", undo);
  $("redo").addEventListener("click", redo);
  $("zoom-in").addEventListener("click", () => setZoom(zoom * 1.5));
  $("zoom-out").addEventListener("click", () => setZoom(zoom / 1.5));
  $("own").addEventListener("change", () => { matchesOf = ""; showAll(); });
  $("overlaid").addEventListener("change", paint);
  $("next-match").addEventListener("click", nextMatch);
  $("half-stays").addEventListener("click", () => mark("stays"));
  $("half-gone").addEventListener("click", () => mark("goes"));
  $("half-right").addEventListener("click", () => { if (chosenMatch !== null) addTrack(matches[chosenMatch].map((point) => point.map(round))); });
  $("half-not").addEventListener("click", giveUp);
  addEventListener("resize", paint);
  addEventListener("keydown", (event) => {
    if (!isOpen() || !(event.ctrlKey || event.metaKey) || event.target.closest("input[type=text], input[type=number]")) return;
    const again = event.key.toLowerCase() === "y" || (event.key.toLowerCase() === "z" && event.shiftKey);
    if (!again && event.key.toLowerCase() !== "z") return;
    event.preventDefault();
    (again ? redo : undo)();
  });

  return {
    forCommand, load: files.load, overlayDoubt: doubt.overlayDoubt,
    /** Takes hints and kept frames from the session; if the hints are not the page's own, the undo history is cleared. */
    adopt(material) {
      const fresh = { size: material.hints.size, pairs: material.hints.pairs };
      kept = material.kept;
      accepted = JSON.stringify(fresh);
      if (JSON.stringify(fresh) === state()) return;
      hints = fresh;
      done = [];
      undone = [];
      chosen = half = null;
    },
    /** Takes the key frames in order, including kept ones, and the position of the end; none if there are not two. */
    arrange(known, until) {
      keys = known;
      end = until;
      open(isWanted);
      showAll();
    },
    /** Changes when frames must be drawn again. */
    signature: () => JSON.stringify([hints, kept.map(({ id }) => id)]),
    /** Shows the pair around the position shown, if it is another one than before. */
    moved() {
      if (!isOpen() || names().join() === shownNames) return;
      shownNames = names().join();
      chosen = half = chosenMatch = null;
      matches = [];
      showAll();
    },
  };
}

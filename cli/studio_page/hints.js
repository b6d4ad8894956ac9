// The desk of hints: a person says on two drawings how things go from the one to the other.
//
// Places are in pixels of the hints' picture (`size`), as in a file of hints. A track is a list of points, each [x, y] or
// null: one point stays, null is where the thing is not there, and three points or more are a path.

const COLOURS = ["#e0342b", "#1c7ed6", "#2b8a3e", "#9c36b5", "#e67700", "#0b7285", "#c2255c", "#5c940d"];
const OWN = "#e8a400"; // animi's own matches
const NEAR = 11; // pixels of the screen within which a handle is taken hold of
const MOVED = 4; // pixels of the screen from which on a click is a drag
const MOST = 200; // hints of a pair, and steps that can be undone
const MAGNIFIED = 5;

const round = (value) => Math.round(value * 10) / 10;
const apart = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);

export function openDesk(studio) {
  const { $, make, ask, askJson, attempt, say } = studio;
  const boards = [0, 1].map((side) => ({ side, canvas: $(side ? "board-last" : "board-first"), centre: null, cursor: null, picture: null }));
  const pictures = new Map(); // by key frame and size: what the boards show
  let hints = { size: null, pairs: [] };
  const state = () => JSON.stringify(hints);
  let accepted = state(); // the hints that the studio has taken
  let kept = [];
  let keys = []; // [name, position] of all key frames, those that are kept included
  let end = 0;
  let undone = [];
  let done = []; // the states before each change
  let half = null; // a hint that has only its first point yet: { side, point }
  let chosen = null; // the number of a track
  let chosenMatch = null;
  let matches = [];
  let matchesOf = ""; // what they were asked for
  let zoom = 1;
  let grip = null; // what the pointer holds
  let pointer = null; // where it is: { side, point }
  let sending = Promise.resolve();
  let heat = { of: "", picture: null };
  let worst = null; // doubtful frames, the worst first: [amount, position, x, y]
  let spot = null; // the one that is shown

  const isOpen = () => !$("desk").hidden;
  const tool = () => document.querySelector("#tools input:checked").value;
  const size = () => hints.size ?? [studio.drawings()[0].width, studio.drawings()[0].height];

  /** The key frames around the moment that is shown: their numbers. */
  function around() {
    const position = studio.position();
    let first = 0;
    while (first + 1 < keys.length && keys[first + 1][1] <= position + 1e-6) first += 1;
    if (first + 1 >= keys.length && end <= keys[keys.length - 1][1]) first -= 1;
    return [Math.max(0, first), (Math.max(0, first) + 1) % Math.max(1, keys.length)];
  }
  const names = () => around().map((number) => keys[number]?.[0]);
  function pair() {
    const [first, last] = names();
    return hints.pairs.find(({ keys: known }) => known[0] === first && known[1] === last) ?? { keys: [first, last], tracks: [], strokes: [] };
  }
  const pointsOf = (track) => (Array.isArray(track) ? track : track.points);
  const startOf = (track) => pointsOf(track)[0];
  const endOf = (track) => { const points = pointsOf(track); return points[points.length - 1]; };
  const kindOf = (track) => (pointsOf(track).length === 1 ? "stays" : startOf(track) === null ? "comes" : endOf(track) === null ? "goes"
    : pointsOf(track).length > 2 ? "path" : "moves");

  // Changes

  /** Makes a change: `change` is given the pair to work on. */
  function edit(change) {
    const before = state();
    const own = structuredClone(pair());
    change(own);
    if (own.tracks.length > MOST) {
      studio.complain("hints", `${MOST} hints of a pair can be kept; delete one first`);
      return;
    }
    const others = hints.pairs.filter(({ keys: known }) => known.join() !== own.keys.join());
    const pairs = own.tracks.length || own.strokes.length ? [...others, own] : others;
    hints = { size: size(), pairs };
    if (state() === before) return;
    done = [...done.slice(1 - MOST), before];
    undone = [];
    give();
  }

  /** Sends the hints; where they are refused, those that were taken last are there again. */
  function give() {
    const began = performance.now();
    showAll();
    const told = state();
    sending = sending.then(async () => {
      const is = await attempt("hints", () => askJson("PUT", `${studio.session()}/hints`, JSON.parse(told)));
      if (!is) {
        hints = JSON.parse(accepted);
        const back = done.lastIndexOf(accepted);
        if (back >= 0) done = done.slice(0, back); // with what was built on it meanwhile
        chosen = null;
        showAll();
        return;
      }
      accepted = told;
      worst = spot = null;
      if (told !== state()) return; // something newer is on its way
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
    give();
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
  /** Makes the hint, the half-made one or animi's own match that is chosen one that stays, goes or comes. */
  function mark(kind, number = chosen) {
    const own = half ? half.point : chosenMatch !== null ? matches[chosenMatch]?.[0] : null;
    const side = half?.side ?? 0;
    const point = own ?? (number === null ? null : (kind === "comes" ? endOf(pair().tracks[number]) ?? startOf(pair().tracks[number])
      : startOf(pair().tracks[number]) ?? endOf(pair().tracks[number])));
    if (!point) return;
    const track = kind === "stays" ? [point] : kind === "comes" || (own && side === 1) ? [null, point] : [point, null];
    if (own) addTrack(track);
    else setTrack(number, track);
  }
  function move(number, index, point) {
    edit((own) => {
      const track = own.tracks[number];
      const points = pointsOf(track);
      points[index < 0 ? points.length + index : index] = point.map(round);
    });
  }
  /** Bends a path: its middle goes to `point`. */
  function bend(number, point) {
    edit((own) => {
      const points = pointsOf(own.tracks[number]);
      own.tracks[number] = [points[0], point.map(round), points[points.length - 1]];
    });
  }
  const middleOf = (track) => {
    const points = pointsOf(track);
    if (points.length > 2) return points[Math.floor(points.length / 2)];
    return [(points[0][0] + points[1][0]) / 2, (points[0][1] + points[1][1]) / 2];
  };

  // Places on the screen

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
    const [width, height] = size();
    const point = [(x - box.width / 2) / scale + board.centre[0] - 0.5, (y - box.height / 2) / scale + board.centre[1] - 0.5];
    return [Math.min(width - 1, Math.max(0, point[0])), Math.min(height - 1, Math.max(0, point[1]))];
  }
  const placeOf = (event, board) => {
    const box = board.canvas.getBoundingClientRect();
    return fromScreen(board, event.clientX - box.left, event.clientY - box.top);
  };
  const boardAt = (event) => boards.find(({ canvas }) => {
    const box = canvas.getBoundingClientRect();
    return event.clientX >= box.left && event.clientX < box.right && event.clientY >= box.top && event.clientY < box.bottom;
  });

  function setZoom(value, board, at) {
    const kept_ = board && fromScreen(board, ...at);
    zoom = Math.min(32, Math.max(1, value));
    if (board) {
      const { box, scale } = fit(board);
      board.centre = [kept_[0] + 0.5 - (at[0] - box.width / 2) / scale, kept_[1] + 0.5 - (at[1] - box.height / 2) / scale];
    } else if (boards[0].cursor) boards.forEach((each) => { each.centre = [...(each.cursor ?? boards[0].cursor)]; });
    paint();
  }

  /** What can be taken hold of at a place of a board: the nearest handle. */
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

  // Hands

  function press(event, board) {
    if (!keys.length) return;
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
  const screenOf = (event, board) => {
    const box = board.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

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
        if (apart(point, grip.points[grip.points.length - 1]) * fit(grip.board).scale >= 2) grip.points.push(point);
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
      edit((own) => own.strokes.push({ points: held.points, width: Number($("brush").value) * size()[0] / 100, erases: tool() === "erase" }));
    } else if (held.kind === "point" && held.moved) move(held.number, held.index, at);
    else if (held.kind === "middle" && held.moved) bend(held.number, at);
    else if (held.kind === "match" && held.moved) addTrack([matches[held.number][0].map(round), at]);
    else if (held.kind === "new" && held.moved) {
      addTrack(held.board.side === 1 && held.over?.side === 0 ? [at, held.from.map(round)] : [held.from.map(round), at]);
    } else if (held.kind === "new") click(held.board, held.from);
    showAll();
  }

  /** A point of one drawing; on the other drawing the hint is made whole. */
  function click(board, point) {
    const rounded = point.map(round);
    chosenMatch = null;
    if (tool() !== "point") {
      edit((own) => own.strokes.push({ points: [rounded], width: Number($("brush").value) * size()[0] / 100, erases: tool() === "erase" }));
    } else if (half && half.side !== board.side) addTrack(half.side === 0 ? [half.point, rounded] : [rounded, half.point]);
    else {
      half = { side: board.side, point: rounded };
      chosen = null;
      say(`A point of the ${board.side ? "last" : "first"} drawing. Now where it is in the ${board.side ? "first" : "last"}; Esc gives it up.`);
    }
    showAll();
  }

  function giveUp() {
    const had = half || grip || chosen !== null || chosenMatch !== null;
    half = grip = chosen = chosenMatch = null;
    showAll();
    return had;
  }

  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

  function type(event, board) {
    const way = ARROWS[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const far = event.shiftKey ? 10 : 1;
    if (way) {
      const [width, height] = size();
      const by = Math.max(1, width / 640 / zoom) * far;
      const from = board.cursor ?? [width / 2, height / 2];
      board.cursor = [Math.min(width - 1, Math.max(0, from[0] + by * way[0])), Math.min(height - 1, Math.max(0, from[1] + by * way[1]))];
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

  // What is seen

  let isPainting = false;
  function paint() {
    if (isPainting || !isOpen()) return;
    isPainting = true;
    requestAnimationFrame(() => {
      isPainting = false;
      if (keys.length > 1) boards.forEach(paintBoard);
      magnify();
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
    paintStrokes(context, board, scale);
    if ($("own").checked) matches.forEach((match, number) => paintMatch(context, board, match, number));
    pair().tracks.forEach((track, number) => paintTrack(context, board, shifted(track, number), number));
    if (half) paintHalf(context, board);
    if (grip?.kind === "new" && grip.moved) paintArrow(context, toScreen(board, grip.from), toScreen(board, grip.at), "#fff", 4), paintArrow(context, toScreen(board, grip.from), toScreen(board, grip.at), "#222", 2);
    if (document.activeElement === canvas && board.cursor) paintCross(context, toScreen(board, board.cursor));
  }

  /** A track as it is while its handle is dragged. */
  function shifted(track, number) {
    if (!grip?.moved || grip.number !== number || !["point", "middle"].includes(grip.kind)) return track;
    const points = structuredClone(pointsOf(track));
    if (grip.kind === "middle") return [points[0], grip.at, points[points.length - 1]];
    points[grip.index < 0 ? points.length - 1 : 0] = grip.at;
    return points;
  }

  const sheet = document.createElement("canvas");
  function paintStrokes(context, board, scale) {
    const own = pair().strokes;
    const now = grip?.kind === "brush" ? [{ points: grip.points, width: Number($("brush").value) * size()[0] / 100, erases: tool() === "erase" }] : [];
    if (!own.length && !now.length) return;
    Object.assign(sheet, { width: board.canvas.width, height: board.canvas.height });
    const ink = sheet.getContext("2d");
    const dense = window.devicePixelRatio || 1;
    ink.setTransform(dense, 0, 0, dense, 0, 0);
    ink.lineCap = ink.lineJoin = "round";
    ink.strokeStyle = "#1c7ed6";
    for (const stroke of [...own, ...now]) {
      ink.globalCompositeOperation = stroke.erases ? "destination-out" : "source-over";
      ink.lineWidth = stroke.width * scale;
      ink.beginPath();
      stroke.points.forEach((point, k) => (k ? ink.lineTo(...toScreen(board, point)) : ink.moveTo(...toScreen(board, point))));
      if (stroke.points.length === 1) ink.lineTo(...toScreen(board, stroke.points[0]).map((value) => value + 0.01));
      ink.stroke();
    }
    context.save();
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.globalAlpha = 0.4;
    context.drawImage(sheet, 0, 0);
    context.restore();
  }

  function paintArrow(context, from, to, colour, wide) {
    context.strokeStyle = context.fillStyle = colour;
    context.lineWidth = wide;
    context.beginPath();
    context.moveTo(...from);
    context.lineTo(...to);
    context.stroke();
    const angle = Math.atan2(to[1] - from[1], to[0] - from[0]);
    if (apart(from, to) < 6) return;
    context.beginPath();
    context.moveTo(...to);
    for (const turn of [2.7, -2.7]) context.lineTo(to[0] + 9 * Math.cos(angle + turn), to[1] + 9 * Math.sin(angle + turn));
    context.fill();
  }
  function paintDot(context, [x, y], colour, label, strong) {
    context.beginPath();
    context.arc(x, y, strong ? 8 : 6, 0, 7);
    context.fillStyle = colour;
    context.fill();
    context.lineWidth = 2;
    context.strokeStyle = strong ? "#000" : "#fff";
    context.stroke();
    if (!label) return;
    context.font = "bold 11px system-ui, sans-serif";
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillStyle = "#fff";
    context.fillText(label, x, y + 0.5);
  }
  function paintCross(context, [x, y]) {
    for (const [colour, wide] of [["#fff", 3], ["#000", 1]]) {
      context.strokeStyle = colour;
      context.lineWidth = wide;
      context.beginPath();
      for (const [a, b, c, d] of [[-14, 0, -4, 0], [4, 0, 14, 0], [0, -14, 0, -4], [0, 4, 0, 14]]) {
        context.moveTo(x + a, y + b);
        context.lineTo(x + c, y + d);
      }
      context.stroke();
    }
  }
  function paintMatch(context, board, [from, target], number) {
    const held = grip?.kind === "match" && grip.number === number && grip.moved ? grip.at : target;
    const [a, b] = [toScreen(board, from), toScreen(board, held)];
    const strong = number === chosenMatch;
    paintArrow(context, a, b, "#0009", strong ? 6 : 4);
    paintArrow(context, a, b, OWN, strong ? 4 : 2);
    context.beginPath();
    context.arc(...(board.side ? b : a), strong ? 6 : 4, 0, 7);
    context.fillStyle = OWN;
    context.fill();
  }
  function paintTrack(context, board, track, number) {
    const colour = COLOURS[number % COLOURS.length];
    const strong = number === chosen;
    const points = pointsOf(track);
    const kind = kindOf(track);
    const label = String(number + 1);
    if (kind === "stays") return paintDot(context, toScreen(board, points[0]), colour, label, strong);
    if (kind === "goes" || kind === "comes") {
      const at = toScreen(board, kind === "goes" ? points[0] : points[1]);
      if ((kind === "goes") === (board.side === 0)) paintDot(context, at, colour, label, strong);
      else {
        context.strokeStyle = colour;
        context.lineWidth = 3;
        context.beginPath();
        for (const [a, b] of [[-6, -6], [-6, 6]]) { context.moveTo(at[0] + a, at[1] + b); context.lineTo(at[0] - a, at[1] - b); }
        context.stroke();
      }
      return undefined;
    }
    const screen = points.map((point) => toScreen(board, point));
    for (const [ink, wide] of [["#fffb", strong ? 7 : 5], [colour, strong ? 4 : 2.5]]) {
      context.strokeStyle = ink;
      context.lineWidth = wide;
      context.beginPath();
      context.moveTo(...screen[0]);
      screen.slice(1, -2).forEach((place) => context.lineTo(...place));
      context.lineTo(...screen[screen.length - 2]);
      context.stroke();
      paintArrow(context, screen[screen.length - 2], screen[screen.length - 1], ink, wide);
    }
    const middle = toScreen(board, middleOf(track));
    if (apart(screen[0], screen[screen.length - 1]) > 3 * NEAR || points.length > 2) {
      context.fillStyle = "#fff";
      context.fillRect(middle[0] - 4, middle[1] - 4, 8, 8);
      context.strokeStyle = colour;
      context.lineWidth = 2;
      context.strokeRect(middle[0] - 4, middle[1] - 4, 8, 8);
    }
    return paintDot(context, board.side ? screen[screen.length - 1] : screen[0], colour, label, strong);
  }
  function paintHalf(context, board) {
    const at = toScreen(board, half.point);
    if (board.side === half.side) return paintDot(context, at, "#222", "?", true);
    const target = pointer?.side === board.side ? pointer.point : board.cursor;
    if (target) paintArrow(context, at, toScreen(board, target), "#222", 2);
    return undefined;
  }

  /** What lies under the pointer or the cursor, enlarged. */
  function magnify() {
    const canvas = $("magnifier");
    const board = pointer && boards[pointer.side];
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (!board?.picture) return;
    const [width, height] = size();
    const scale = fit(board).scale * MAGNIFIED;
    const [x, y] = pointer.point;
    context.imageSmoothingEnabled = false;
    context.drawImage(board.picture, canvas.width / 2 - (x + 0.5) * scale, canvas.height / 2 - (y + 0.5) * scale, width * scale, height * scale);
    paintCross(context, [canvas.width / 2, canvas.height / 2]);
  }

  const say_ = { moves: "moves", path: "moves along a path", stays: "stays", goes: "goes", comes: "comes" };
  function tell(track) {
    const write = (point) => (point === null ? "nowhere" : point.map((value) => Math.round(value)).join(","));
    return `${pointsOf(track).map(write).join(" → ")} ${say_[kindOf(track)]}`;
  }

  let listed = ""; // what the list shows
  function showList() {
    const shown = JSON.stringify([pair(), chosen]);
    if (shown === listed) return;
    listed = shown;
    const focused = document.activeElement?.closest?.("#hint-list li");
    const was = focused ? [[...$("hint-list").children].indexOf(focused), document.activeElement.textContent] : null;
    const { tracks, strokes } = pair();
    const act = (text, label, onclick, pressed) => make("button", { type: "button", textContent: text, ariaLabel: label, onclick,
      ...(pressed === undefined ? {} : { ariaPressed: String(pressed) }) });
    const items = tracks.map((track, number) => {
      const kind = kindOf(track);
      const name = `hint ${number + 1}`;
      const choose = act(`${number + 1}: ${tell(track)}`, `${name}: ${tell(track)}; arrow keys move its end, with Shift by ten, with Alt its start`, () => { chosen = number; chosenMatch = half = null; showAll(); }, number === chosen);
      choose.className = "plain tell";
      choose.style.setProperty("--ink", COLOURS[number % COLOURS.length]);
      choose.onkeydown = (event) => {
        const way = ARROWS[event.key];
        if (event.key === "Delete" || event.key === "Backspace") remove(number);
        else if (event.key === "Escape") giveUp();
        else if (way) {
          chosen = number;
          const index = event.altKey || endOf(track) === null ? 0 : -1;
          const from = index ? endOf(track) : startOf(track);
          if (!from) return;
          const by = event.shiftKey ? 10 : 1;
          const [width, height] = size();
          move(number, index, [Math.min(width - 1, Math.max(0, from[0] + by * way[0])), Math.min(height - 1, Math.max(0, from[1] + by * way[1]))]);
        } else return;
        event.preventDefault();
        event.stopPropagation();
      };
      return make("li", {}, choose,
        act("Stays", `Stays: ${name}`, () => mark("stays", number), kind === "stays"),
        act("Gone", `Gone: ${name}`, () => mark("goes", number), kind === "goes"),
        act("Comes", `Comes: ${name}`, () => mark("comes", number), kind === "comes"),
        ...(kind === "path" ? [act("Straight", `Straight: ${name}`, () => setTrack(number, [startOf(track), endOf(track)]))] : []),
        act("Delete", `Delete: ${name}`, () => remove(number)));
    });
    if (strokes.length) {
      items.push(make("li", {}, make("span", { textContent: "What is painted stays." }),
        act("Delete", "Delete what is painted", () => edit((own) => { own.strokes = []; }))));
    }
    $("hint-list").replaceChildren(...items);
    if (was) [...($("hint-list").children[was[0]]?.querySelectorAll("button") ?? [])].find((button) => button.textContent === was[1] || was[1].includes(":"))?.focus();
  }

  function showAll() {
    if (!isOpen() || keys.length < 2) return;
    const [first, last] = around();
    const title = (number) => studio.nameOf(keys[number][0]);
    $("of-first").textContent = `First: ${title(first)}`;
    $("of-last").textContent = `Last: ${title(last)}`;
    boards[0].canvas.ariaLabel = `First drawing, ${title(first)}: arrow keys move the cross, Enter sets a point`;
    boards[1].canvas.ariaLabel = `Last drawing, ${title(last)}: arrow keys move the cross, Enter sets where the point is`;
    $("undo").disabled = !done.length;
    $("redo").disabled = !undone.length;
    $("save-hints").disabled = !hints.pairs.length && !kept.length;
    const { tracks } = pair();
    if (chosen !== null && chosen >= tracks.length) chosen = null;
    $("half").hidden = !half && chosenMatch === null;
    $("half-told").textContent = half ? `A point of the ${half.side ? "last" : "first"} drawing is set:`
      : chosenMatch !== null ? `animi's match ${chosenMatch + 1} of ${matches.length}: drag its head to where it belongs, or` : "";
    $("half-gone").textContent = half?.side === 1 ? "It comes here" : "It is gone";
    $("half-right").hidden = chosenMatch === null;
    $("next-match").disabled = !matches.length;
    showList();
    showKept();
    fetchPictures();
    fetchMatches();
    paint();
    studio.showCommand();
  }

  function showKept() {
    $("kept").replaceChildren(...kept.map((frame) => make("li", {},
      make("img", { src: `${studio.session()}/drawings/${frame.id}.png`, alt: "" }),
      make("span", { textContent: `${frame.name}: kept at t = ${frame.t.toFixed(3)}` }),
      make("button", { type: "button", className: "plain", textContent: "Draw it again", ariaLabel: `Draw it again: ${frame.name}`,
        onclick: () => attempt("kept", async () => studio.showMaterial(await askJson("DELETE", `${studio.session()}/kept/${frame.id}`))) }))));
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

  /** animi's own matches, without those that a hint speaks of already. */
  async function fetchMatches() {
    if (!$("own").checked) return;
    const of = JSON.stringify([names(), state(), studio.readSettings().engine, studio.readSettings().size]);
    if (of === matchesOf) return;
    matchesOf = of;
    await sending;
    const [first, last] = around();
    const start = keys[first][1];
    const middle = (start + (keys[last][1] > start ? keys[last][1] : end)) / 2;
    const told = await attempt("matches", () => askJson("POST", `${studio.session()}/matches`, { ...studio.readSettings(), position: middle }));
    if (!told || of !== matchesOf) return;
    const near = size()[0] / 100;
    const said = pair().tracks.map((track) => startOf(track)).filter(Boolean);
    matches = told.matches.filter(([from]) => !said.some((point) => apart(point, from) < near));
    if (chosenMatch !== null && chosenMatch >= matches.length) chosenMatch = null;
    document.documentElement.dataset.matches = matches.length;
    showAll();
  }

  // Doubt

  /** The heat map of the moment that is shown, to be laid over it; it is asked for where it is not there. */
  function layOver(context) {
    if (!$("doubt").checked || studio.isPlaying()) return;
    const position = studio.position();
    const of = JSON.stringify([position, state(), kept, studio.readSettings()]);
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
    await sending;
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
    await sending;
    await attempt("doubt", () => askJson("POST", `${studio.session()}/doubtful`, studio.readSettings()));
    studio.watch();
    return undefined;
  }
  function showWorst(found) {
    worst = found;
    if (!worst.length) {
      say("animi is sure of every frame.");
      return;
    }
    [spot] = worst;
    $("doubt").checked = true;
    say(`The most doubtful place of this frame is marked; ${worst.length} ${worst.length === 1 ? "frame is" : "frames are"} worth a look.`);
    const [width, height] = size();
    boards.forEach((board) => { board.centre = board.cursor = [spot[2] * width, spot[3] * height]; });
    studio.goTo(spot[1]);
    showAll();
  }

  // Frames that are kept

  async function keep() {
    const told = await attempt("kept", () => askJson("POST", `${studio.session()}/kept`, { ...studio.readSettings(), position: studio.position() }));
    if (told) studio.showMaterial(told);
  }
  async function exchange(file) {
    if (!file) return;
    const position = studio.position();
    await attempt("kept", async () => {
      const { upload } = await askJson("POST", `${studio.session()}/uploads`, { name: file.name, size: file.size, position });
      studio.showMaterial(await askJson("PUT", `${studio.session()}/uploads/${upload}`, file, "application/octet-stream"));
    });
  }

  async function save() {
    await sending;
    await attempt("hints", async () => {
      const answer = await ask("POST", `${studio.session()}/hints/file`, studio.readSettings());
      const name = /filename="([^"]+)"/.exec(answer.headers.get("content-disposition"))?.[1] ?? "hints.json";
      const address = URL.createObjectURL(await answer.blob());
      studio.hand(address, name);
      setTimeout(() => URL.revokeObjectURL(address), 10000);
    });
  }

  /** What the command needs beside the key frames: words, and the frames that are kept, in their places. */
  function words() {
    const found = [];
    const following = keys.map(([name], k) => [name, keys[(k + 1) % keys.length]?.[0]]);
    const live = hints.pairs.filter(({ keys: own }) => following.some((two) => two.join() === own.join()));
    const tracks = live.flatMap((own) => own.tracks.map((track) => [following.findIndex((two) => two.join() === own.keys.join()), track]));
    const isPlain = tracks.length <= 3 && !live.some(({ strokes }) => strokes.length) && !studio.readSettings().size
      && tracks.every(([number, track]) => Array.isArray(track) && number + 1 < keys.length)
      && studio.drawings().every(({ width, height }) => width === size()[0] && height === size()[1]);
    if (tracks.length || live.length) {
      if (isPlain) {
        for (const [number, track] of tracks) {
          found.push("--hint", (number ? `${number}:` : "") + track.map((point) => (point === null ? "none" : point.join(","))).join(">"));
        }
      } else found.push("--hints", "hints.json");
    }
    return { words: found, kept: keys.filter(([, at]) => !Number.isInteger(at)).map(([name]) => name), keys: keys.map(([name]) => name) };
  }

  // Beginnings

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
    $("desk").hidden = isOpen();
    $("hinting").ariaExpanded = String(isOpen());
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
  $("doubt").addEventListener("change", () => studio.paint());
  $("worst").addEventListener("click", goToWorst);
  $("keep").addEventListener("click", keep);
  $("exchange").addEventListener("change", () => { exchange($("exchange").files[0]); $("exchange").value = ""; });
  $("save-hints").addEventListener("click", save);
  addEventListener("resize", paint);
  addEventListener("keydown", (event) => {
    if (!isOpen() || !(event.ctrlKey || event.metaKey) || event.target.closest("input[type=text], input[type=number]")) return;
    const again = event.key.toLowerCase() === "y" || (event.key.toLowerCase() === "z" && event.shiftKey);
    if (!again && event.key.toLowerCase() !== "z") return;
    event.preventDefault();
    (again ? redo : undo)();
  });

  return {
    words, layOver, showWorst,
    /** What the session says of hints and kept frames; where they are not the page's own, nothing can be undone. */
    adopt(told) {
      const fresh = { size: told.hints.size, pairs: told.hints.pairs };
      kept = told.kept;
      accepted = JSON.stringify(fresh);
      if (JSON.stringify(fresh) === state()) return;
      hints = fresh;
      done = [];
      undone = [];
      chosen = half = null;
    },
    /** The key frames as they are drawn between, those that are kept included. */
    arrange(known, until) {
      keys = known;
      end = until;
      showAll();
    },
    /** What is drawn depends on this. */
    signature: () => JSON.stringify([hints, kept.map(({ id }) => id)]),
    moved: () => { if (isOpen() && names().join() !== shownNames) { shownNames = names().join(); chosen = half = chosenMatch = null; matches = []; showAll(); } },
  };
}

let shownNames = "";

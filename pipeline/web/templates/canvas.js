// Drawing holes on a photo, and comparing what came of them. The server sends a photo by
// `props.sheet`, a result by `props.result`, found people by `props.people`, and how far it is by
// `props.status`. `props.value` is JSON for it: the photo's number, the hole as a data URI of a PNG
// (white = complete, empty where nothing is drawn), and the fill that is asked for.
const find = (selector) => element.querySelector(selector);
const sheet = find(".sheet"), stage = find(".stage"), world = find(".world");
const canvas = find("canvas"), ring = find(".ring"), svg = find("svg.people");
const size = find(".size input"), wipe = find(".wipe input"), strip = find(".strip");
const context = canvas.getContext("2d", { willReadFrequently: true });
const MAX_UNDO = 20, MAX_ZOOM = 12;
const POINT = 9; // px of the screen: the ring around a tool without a size
const STEP = 0.02; // of the longer side: a press of an arrow key
const pictures = new Map(); // number -> what the server sent of it, and the hole on it
let current = null, result = null; // the photo that is drawn on; what is compared with it
let tool = "brush", start = null, path = [], before = [], after = [], busy = false, spaced = false;
let pen = null; // where the arrow keys have moved the tool
let view = { x: 0, y: 0, zoom: 1 };
const fingers = new Map();
let pinch = null, panning = null, begun = null;
const seen = {};

// What is drawn -------------------------------------------------------------------------------

function photoPixels() {
  return current ? current.size[0] / canvas.width : 1;
}

// Of the longer side 0.3 to 25 %, by equal factors.
function brushWidth() {
  const share = 0.003 * (0.25 / 0.003) ** (size.value / 100);
  return Math.max(1, share * Math.max(canvas.width, canvas.height));
}

function showSize() {
  find(".size output").textContent = Math.round(brushWidth() * photoPixels()) + " px";
}

function place(event) {
  const frame = canvas.getBoundingClientRect();
  return {
    x: ((event.clientX - frame.left) * canvas.width) / frame.width,
    y: ((event.clientY - frame.top) * canvas.height) / frame.height,
  };
}

function ink() {
  context.globalCompositeOperation = tool === "eraser" ? "destination-out" : "source-over";
  context.fillStyle = context.strokeStyle = getComputedStyle(stage).getPropertyValue("--ink-of-hole");
  context.lineCap = context.lineJoin = "round";
  context.lineWidth = brushWidth();
}

function stroke(from, to) {
  ink();
  context.beginPath();
  context.moveTo(from.x, from.y);
  context.lineTo(to.x, to.y);
  context.stroke();
}

// The edges on whole pixels: what is drawn is what is completed.
function box(from, to) {
  restore(before[before.length - 1]);
  ink();
  const [left, right] = [from.x, to.x].sort((a, b) => a - b).map(Math.round);
  const [top, bottom] = [from.y, to.y].sort((a, b) => a - b).map(Math.round);
  context.fillRect(left, top, right - left, bottom - top);
}

function lasso(isClosed) {
  restore(before[before.length - 1]);
  ink();
  context.beginPath();
  path.forEach((at) => context.lineTo(at.x, at.y));
  context.closePath();
  context.fill();
  if (isClosed) return;
  context.lineWidth = 2;
  context.stroke();
}

function begin(at) {
  remember();
  start = at;
  path = [at];
  if (hasSize()) stroke(at, { x: at.x + 0.01, y: at.y });
}

function draw(at) {
  if (tool === "box") box(start, at);
  else if (hasSize()) stroke(path[path.length - 1], at);
  path.push(at);
  if (tool === "lasso") lasso(false);
}

function finish() {
  if (tool === "lasso") lasso(true);
  start = null;
  tell();
  hint("");
}

function grow() {
  remember();
  const reach = Math.max(1, Math.round(0.006 * Math.max(canvas.width, canvas.height)));
  const copy = document.createElement("canvas");
  [copy.width, copy.height] = [canvas.width, canvas.height];
  copy.getContext("2d").drawImage(canvas, 0, 0);
  context.globalCompositeOperation = "source-over";
  for (let step = 0; step < 24; step++) {
    const angle = (step * Math.PI) / 12;
    context.drawImage(copy, reach * Math.cos(angle), reach * Math.sin(angle));
  }
  tell();
}

function alpha() {
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  const found = new Uint8Array(data.length / 4);
  for (let at = 0; at < found.length; at++) found[at] = data[4 * at + 3];
  return found;
}

// `coverage`: of each pixel, 0 to 255.
function restore(coverage) {
  context.globalCompositeOperation = "copy";
  context.fillStyle = getComputedStyle(stage).getPropertyValue("--ink-of-hole");
  context.fillRect(0, 0, 1, 1);
  const [red, green, blue] = context.getImageData(0, 0, 1, 1).data;
  const marks = context.createImageData(canvas.width, canvas.height);
  for (let at = 0; at < coverage.length; at++) {
    if (coverage[at]) marks.data.set([red, green, blue, coverage[at]], 4 * at);
  }
  context.putImageData(marks, 0, 0);
}

function remember() {
  after = [];
  before.push(alpha());
  if (before.length > MAX_UNDO) before.shift();
}

// The hole as the server takes it: the drawing, and the people that are to go.
function hole() {
  const mask = document.createElement("canvas");
  [mask.width, mask.height] = [canvas.width, canvas.height];
  const paper = mask.getContext("2d", { willReadFrequently: true });
  paper.drawImage(canvas, 0, 0);
  for (const each of svg.querySelectorAll("[aria-pressed=true]")) {
    paper.fill(new Path2D("M" + each.getAttribute("points").trim().split(" ").join("L") + "Z"));
  }
  const { data } = paper.getImageData(0, 0, mask.width, mask.height);
  let isEmpty = true;
  for (let at = 3; at < data.length && isEmpty; at += 4) isEmpty = data[at] <= 127;
  if (isEmpty) return "";
  paper.globalCompositeOperation = "source-in";
  paper.fillStyle = "white";
  paper.fillRect(0, 0, mask.width, mask.height);
  paper.globalCompositeOperation = "destination-over";
  paper.fillStyle = "black";
  paper.fillRect(0, 0, mask.width, mask.height);
  return mask.toDataURL("image/png");
}

// A result never stands beside a hole that it does not belong to.
function tell(extra) {
  if (!current) return;
  current.hole = hole();
  current.coverage = null;
  props.value = JSON.stringify({ photo: current.id, hole: current.hole, ...extra });
}

function undo() {
  if (start) finish();
  if (result) return mark();
  if (before.length) {
    after.push(alpha());
    restore(before.pop());
    return tell();
  }
  const made = current && pictures.get(current.id);
  if (made && made.parent !== undefined) open(made.id, true);
}

function redo() {
  if (start || result || !after.length) return;
  before.push(alpha());
  restore(after.pop());
  tell();
}

// What is seen --------------------------------------------------------------------------------

function shape(share) {
  stage.style.aspectRatio = String(share);
  stage.style.width = "min(100%, calc(60vh * " + share + "))";
}

function lay() {
  shape(canvas.width / canvas.height);
  stage.classList.toggle("small", Math.max(canvas.width, canvas.height) <= 160);
  svg.setAttribute("viewBox", "0 0 " + canvas.width + " " + canvas.height);
}

function look() {
  const frame = stage.getBoundingClientRect();
  const least = (length) => length * (1 - view.zoom);
  view.x = Math.min(0, Math.max(least(frame.width), view.x));
  view.y = Math.min(0, Math.max(least(frame.height), view.y));
  world.style.transform = "translate(" + view.x + "px," + view.y + "px) scale(" + view.zoom + ")";
  stage.classList.toggle("zoomed", view.zoom > 1);
  cut();
}

function zoom(factor, x, y) {
  const frame = stage.getBoundingClientRect();
  const [atX, atY] = [(x ?? frame.left + frame.width / 2) - frame.left, (y ?? frame.top + frame.height / 2) - frame.top];
  const next = Math.min(MAX_ZOOM, Math.max(1, view.zoom * factor));
  view.x = atX - ((atX - view.x) * next) / view.zoom;
  view.y = atY - ((atY - view.y) * next) / view.zoom;
  view.zoom = next;
  look();
}

function cut() {
  const share = wipe.value / 100;
  const frame = stage.getBoundingClientRect();
  // The slider stands in the window, whatever is zoomed beneath it.
  const inside = ((share * frame.width - view.x) / (view.zoom * Math.max(1, frame.width))) * 100;
  find(".stage .result").style.clipPath = "inset(0 0 0 " + Math.min(100, Math.max(0, inside)) + "%)";
  find(".handle").style.left = 100 * share + "%";
}

// Around the tool at `at`, with the size of the brush, or of what a box or lasso goes around.
function moveRing(at) {
  const frame = canvas.getBoundingClientRect(), outer = stage.getBoundingClientRect();
  const scale = frame.width / canvas.width;
  const width = hasSize() ? brushWidth() * scale : POINT;
  ring.style.width = ring.style.height = width + "px";
  ring.style.left = frame.left - outer.left + at.x * scale - width / 2 + "px";
  ring.style.top = frame.top - outer.top + at.y * scale - width / 2 + "px";
  ring.firstElementChild.textContent = sizeAt(at);
}

function hasSize() {
  return tool === "brush" || tool === "eraser";
}

function sizeAt(at) {
  if (hasSize()) return Math.round(brushWidth() * photoPixels()) + " px";
  if (!start) return "";
  const across = (name) => {
    const all = (tool === "box" ? [start, at] : path).map((each) => each[name]);
    return Math.round((Math.max(...all) - Math.min(...all)) * photoPixels());
  };
  return across("x") + " x " + across("y") + " px";
}

function choose(name) {
  if (start) finish();
  if (result) mark();
  tool = name;
  for (const each of element.querySelectorAll("[data-tool]")) {
    each.setAttribute("aria-pressed", String(each.dataset.tool === name));
  }
  size.closest("label").classList.toggle("idle", !hasSize());
}

function hint(text) {
  find(".hint").textContent = text;
}

// The photo with its hole; no result beside it.
function mark() {
  result = null;
  sheet.dataset.view = "mark";
  find(".outcome").hidden = true;
  find(".fills").hidden = false;
  for (const each of element.querySelectorAll("img.photo")) each.src = current.picture;
  drawStrip();
}

function compare(made) {
  result = made;
  sheet.dataset.view = "result";
  for (const each of element.querySelectorAll("img.photo")) each.src = made.before || current.picture;
  for (const each of element.querySelectorAll("img.result")) each.src = made.picture;
  const [width, height] = made.size;
  shape(width / height);
  find(".outcome").hidden = false;
  find(".facts").textContent = made.facts;
  find(".fills").hidden = Boolean(made.before);
  const link = find(".download");
  link.href = window.gradio_config.root + "/gradio_api/file=" + encodeURI(made.file);
  link.download = made.file.split("/").pop();
  hint("");
  wipe.value = 0; // all of what is new
  view = { x: 0, y: 0, zoom: 1 };
  look();
  drawStrip();
}

function drawStrip() {
  strip.hidden = pictures.size < 2;
  strip.replaceChildren(
    ...[...pictures.values()].map((each) => {
      const item = document.createElement("li"), button = document.createElement("button");
      const small = document.createElement("img"), name = document.createElement("span");
      button.type = "button";
      small.src = each.picture;
      small.alt = "";
      name.textContent = each.title;
      button.append(small, name);
      button.setAttribute("aria-current", String(each === (result ?? pictures.get(current.id))));
      button.addEventListener("click", () => open(each.id));
      item.append(button);
      return item;
    })
  );
}

// A photo as it was left; a result beside the photo that it is of.
async function open(id, asResult) {
  const made = pictures.get(id);
  if (made.parent !== undefined && (asResult || !made.isPhoto || (current && current.id !== id))) {
    await photograph(pictures.get(made.parent), made.holeOf);
    return compare(made);
  }
  await photograph(made, made.hole ?? "");
}

async function photograph(made, uri) {
  current = made;
  made.isPhoto = true;
  const picture = find(".stage .photo");
  picture.src = made.picture;
  await picture.decode();
  [canvas.width, canvas.height] = [picture.naturalWidth, picture.naturalHeight];
  lay();
  showSize();
  before = [];
  after = [];
  pen = null;
  svg.replaceChildren();
  view = { x: 0, y: 0, zoom: 1 };
  if (uri) await drawHole(uri);
  mark();
  tell();
  look();
  hint(uri ? "" : "Draw over what is to go, then press Complete.");
}

// A hole that the server knows: white on black becomes ink on nothing.
async function drawHole(uri) {
  const drawn = new Image();
  drawn.src = uri;
  await drawn.decode();
  context.globalCompositeOperation = "copy";
  context.drawImage(drawn, 0, 0);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  const coverage = new Uint8Array(data.length / 4);
  for (let at = 0; at < coverage.length; at++) coverage[at] = data[4 * at];
  context.clearRect(0, 0, canvas.width, canvas.height);
  restore(coverage);
}

function next() {
  if (!result) return;
  const made = result;
  made.isPhoto = true;
  photograph(made, "");
}

// What the server says --------------------------------------------------------------------------

function isNew(name) {
  const said = props[name];
  if (!said || said.number === seen[name]) return null;
  seen[name] = said.number;
  return said;
}

async function takeSheet() {
  const said = isNew("sheet");
  if (!said) return;
  pictures.set(said.id, { ...said });
  await photograph(pictures.get(said.id), said.hole);
  sheet.dataset.number = said.number;
  if (stage.getBoundingClientRect().bottom > innerHeight) sheet.scrollIntoView();
}

function takeResult() {
  const said = isNew("result");
  if (!said) return;
  const parent = pictures.get(said.parent);
  const made = { ...said, holeOf: parent.hole };
  pictures.set(said.id, made);
  if (current === parent) compare(made);
  else drawStrip();
}

function takePeople() {
  const said = isNew("people");
  if (!said) return;
  if (result) mark();
  svg.replaceChildren(
    ...said.outlines.map((outline, at) => {
      const each = document.createElementNS("http://www.w3.org/2000/svg", "polygon");
      each.setAttribute("points", outline.map((point) => point.join(",")).join(" "));
      const settings = { role: "button", tabindex: "0", "aria-pressed": "true", "aria-label": "Remove person " + (at + 1) };
      for (const [name, value] of Object.entries(settings)) each.setAttribute(name, value);
      const turn = () => {
        each.setAttribute("aria-pressed", String(each.getAttribute("aria-pressed") !== "true"));
        tell();
      };
      each.addEventListener("click", turn);
      each.addEventListener("keydown", (event) => {
        if (event.key !== " " && event.key !== "Enter") return;
        event.preventDefault();
        event.stopPropagation();
        turn();
      });
      return each;
    })
  );
  hint(said.text);
  tell();
}

function takeStatus() {
  const said = isNew("status");
  if (!said) return;
  if (said.text) return work(said.text, said.done, said.total);
  busy = false;
  find(".status").hidden = true;
}

function work(text, done, total) {
  if (!busy) begun = null;
  busy = true;
  find(".status").hidden = false;
  find(".status .text").textContent = text + timeLeft(done, total);
  const bar = find("progress");
  if (total) [bar.max, bar.value] = [total, done];
  else bar.removeAttribute("value");
}

// Of work whose steps are counted, from its second step on; a few seconds are not worth a word.
function timeLeft(done, total) {
  if (!done || !total) return "";
  begun = begun ?? { at: Date.now(), done };
  if (done === begun.done) return "";
  const seconds = ((Date.now() - begun.at) / 1000 / (done - begun.done)) * (total - done);
  if (seconds < 5) return "";
  return ", about " + (seconds < 90 ? Math.round(seconds) + " s" : Math.round(seconds / 60) + " min") + " left";
}

// What the hands do ------------------------------------------------------------------------------

function pan(event) {
  return event.button === 1 || (event.button === 0 && spaced);
}

stage.addEventListener("pointerdown", (event) => {
  if (!canvas.width) return;
  fingers.set(event.pointerId, event);
  if (fingers.size === 2) {
    if (start && before.length) restore(before.pop());
    start = null;
    const [one, two] = [...fingers.values()];
    pinch = { x: (one.clientX + two.clientX) / 2, y: (one.clientY + two.clientY) / 2, gap: Math.hypot(one.clientX - two.clientX, one.clientY - two.clientY) };
    return;
  }
  if (fingers.size > 2 || event.target.closest("polygon")) return;
  if (pan(event)) panning = { x: event.clientX - view.x, y: event.clientY - view.y };
  else if (event.button !== 0) return;
  else if (result) panning = "wipe";
  else begin(place(event));
  event.preventDefault();
  stage.setPointerCapture(event.pointerId);
  if (panning === "wipe") slide(event);
});

function slide(event) {
  const frame = stage.getBoundingClientRect();
  wipe.value = (100 * (event.clientX - frame.left)) / frame.width;
  cut();
}

stage.addEventListener("pointermove", (event) => {
  moveRing(place(event));
  if (fingers.has(event.pointerId)) fingers.set(event.pointerId, event);
  if (pinch && fingers.size === 2) {
    const [one, two] = [...fingers.values()];
    const [x, y] = [(one.clientX + two.clientX) / 2, (one.clientY + two.clientY) / 2];
    const gap = Math.hypot(one.clientX - two.clientX, one.clientY - two.clientY);
    view.x += x - pinch.x;
    view.y += y - pinch.y;
    zoom(gap / pinch.gap, x, y);
    pinch = { x, y, gap };
  } else if (panning === "wipe") slide(event);
  else if (panning) {
    [view.x, view.y] = [event.clientX - panning.x, event.clientY - panning.y];
    look();
  } else if (start) draw(place(event));
});

for (const name of ["pointerup", "pointercancel"]) {
  stage.addEventListener(name, (event) => {
    fingers.delete(event.pointerId);
    if (fingers.size < 2) pinch = null;
    panning = null;
    if (start) finish();
  });
}

// A button that was pressed by mouse does not keep the keys: Enter completes, and Space moves.
sheet.addEventListener("mousedown", (event) => {
  if (!event.target.closest("button, .stage")) return;
  event.preventDefault();
  document.activeElement.blur();
});

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

canvas.addEventListener("focus", () => {
  pen = pen ?? { x: canvas.width / 2, y: canvas.height / 2 };
  moveRing(pen);
  hint("Arrow keys move the tool, with Shift by single pixels; Space starts a stroke and ends it.");
});
canvas.addEventListener("blur", () => start && finish());
canvas.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === " ") start ? finish() : begin(pen);
  else if (event.key in ARROWS) {
    const step = event.shiftKey ? 1 : Math.max(1, Math.round(STEP * Math.max(canvas.width, canvas.height)));
    const [right, down] = ARROWS[event.key];
    pen = {
      x: Math.min(canvas.width, Math.max(0, pen.x + right * step)),
      y: Math.min(canvas.height, Math.max(0, pen.y + down * step)),
    };
    if (start) draw(pen);
    reveal(pen);
    moveRing(pen);
  } else return;
  event.preventDefault();
  event.stopPropagation();
});

// Moves what is zoomed until `at` is seen.
function reveal(at) {
  const outer = stage.getBoundingClientRect();
  const scale = (outer.width * view.zoom) / canvas.width;
  const [x, y] = [view.x + at.x * scale, view.y + at.y * scale];
  if (x < 0 || x > outer.width) view.x += outer.width / 2 - x;
  if (y < 0 || y > outer.height) view.y += outer.height / 2 - y;
  look();
}

stage.addEventListener("wheel", (event) => {
  if (!event.ctrlKey && view.zoom === 1) return; // the page is scrolled
  event.preventDefault();
  zoom(Math.exp(-event.deltaY / 300), event.clientX, event.clientY);
}, { passive: false });

const actions = {
  undo,
  grow,
  clear() {
    remember();
    context.clearRect(0, 0, canvas.width, canvas.height);
    svg.replaceChildren();
    tell();
  },
  in: () => zoom(1.5),
  out: () => zoom(1 / 1.5),
  fit: () => zoom(0),
  next,
  complete() {
    if (start) finish();
    if (!busy) document.querySelector("#complete").click();
  },
  again: mark,
  cancel() {
    find(".status .text").textContent = "Ending";
    trigger("cancel");
  },
};
for (const [name, action] of Object.entries(actions)) {
  find("[data-action=" + name + "]").addEventListener("click", () => action());
}
for (const each of element.querySelectorAll("[data-tool]")) {
  each.addEventListener("click", () => choose(each.dataset.tool));
}
for (const each of element.querySelectorAll("[data-compare]")) {
  each.addEventListener("click", () => {
    for (const other of element.querySelectorAll("[data-compare]")) {
      other.setAttribute("aria-pressed", String(other === each));
    }
    sheet.dataset.compare = each.dataset.compare;
    look();
  });
}
for (const each of element.querySelectorAll("[data-fill]")) {
  each.addEventListener("click", () => {
    if (busy) return;
    tell({ fill: each.dataset.fill });
    work("Waiting for its turn");
    trigger("fill");
  });
}
wipe.addEventListener("input", cut);
size.addEventListener("input", showSize);
const flicker = (isOn) => () => sheet.classList.toggle("flicker", isOn);
find("[data-action=flicker]").addEventListener("pointerdown", flicker(true));
for (const name of ["pointerup", "pointerleave"]) find("[data-action=flicker]").addEventListener(name, flicker(false));

const BUTTONS = ["complete", "people", "extend"];
// Before gradio hears of it.
document.addEventListener("click", (event) => {
  const button = event.target.closest(BUTTONS.map((name) => "#" + name).join(","));
  if (!button || !current) return;
  if (result && button.id !== "complete") {
    // What is seen is what is searched and continued; the same hole can be completed once more.
    props.value = JSON.stringify({ photo: result.id, hole: "" });
    next();
  }
  work("Waiting for its turn");
}, { capture: true });

const keys = {
  b: () => choose("brush"),
  r: () => choose("box"),
  l: () => choose("lasso"),
  e: () => choose("eraser"),
  g: () => !result && grow(),
  n: next,
  "[": () => resize(-4),
  "]": () => resize(4),
  "+": () => zoom(1.5),
  "=": () => zoom(1.5),
  "-": () => zoom(1 / 1.5),
  0: () => zoom(0),
  Escape: () => (busy ? actions.cancel() : result && mark()),
  Enter: actions.complete,
};

function resize(by) {
  size.value = Number(size.value) + by;
  showSize();
}

const isTyping = (target) => target.closest("input:not([type=range]), textarea, select, [contenteditable], [role=dialog]");
const isShown = () => current && element.offsetParent !== null;

document.addEventListener("keydown", (event) => {
  if (!isShown() || isTyping(event.target) || event.altKey) return;
  const isPress = event.key === "Enter" || event.key === " ";
  if (isPress && event.target.closest("button, a, input, summary, [role=button], [role=tab]")) return;
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") {
    event.preventDefault();
    return event.shiftKey ? redo() : undo();
  }
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "y") {
    event.preventDefault();
    return redo();
  }
  if (event.ctrlKey || event.metaKey) return;
  if (event.key === " ") {
    event.preventDefault();
    spaced = true;
  } else if (event.key.toLowerCase() === "f" && result) sheet.classList.add("flicker");
  else {
    const action = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }
});
document.addEventListener("keyup", (event) => {
  if (event.key === " ") spaced = false;
  if (event.key.toLowerCase() === "f") sheet.classList.remove("flicker");
});

// A photo that is dropped anywhere, or pasted, goes the way of a chosen file.
function give(files) {
  const file = [...files].find((each) => each.type.startsWith("image/")) ?? files[0];
  const input = document.querySelector("#upload input[type=file]");
  if (!file || !input) return;
  const chosen = new DataTransfer();
  chosen.items.add(file);
  input.files = chosen.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
}
document.addEventListener("paste", (event) => {
  if (!isTyping(event.target)) give(event.clipboardData.files);
});
document.addEventListener("dragover", (event) => {
  if ([...event.dataTransfer.types].includes("Files")) event.preventDefault();
});
document.addEventListener("drop", (event) => {
  if (event.defaultPrevented || !event.dataTransfer.files.length) return;
  event.preventDefault();
  give(event.dataTransfer.files);
});
addEventListener("resize", look);

watch("sheet", takeSheet);
watch("result", takeResult);
watch("people", takePeople);
watch("status", takeStatus);
takeSheet();

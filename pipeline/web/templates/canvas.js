// Drawing a hole on the photo. `props.sheet` (picture, hole, number) comes from the server;
// `props.value` is the drawing as a data URI of a PNG, white = complete, empty where nothing is drawn.
const stage = element.querySelector(".stage");
const picture = element.querySelector("img");
const canvas = element.querySelector("canvas");
const ring = element.querySelector(".ring");
const size = element.querySelector("input[type=range]");
const tools = [...element.querySelectorAll("[data-tool]")];
const context = canvas.getContext("2d", { willReadFrequently: true });
const MAX_UNDO = 12;
let tool = "brush", start = null, last = null, before = [], number = null;

function brushWidth() {
  return Math.max(1, (size.value / 100) * Math.max(canvas.width, canvas.height));
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
  context.putImageData(before[before.length - 1], 0, 0);
  ink();
  const [left, right] = [from.x, to.x].sort((a, b) => a - b).map(Math.round);
  const [top, bottom] = [from.y, to.y].sort((a, b) => a - b).map(Math.round);
  context.fillRect(left, top, right - left, bottom - top);
}

function isEmpty() {
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  for (let at = 3; at < data.length; at += 4) if (data[at] > 127) return false;
  return true;
}

function tell() {
  if (isEmpty()) {
    props.value = "";
    return;
  }
  const mask = document.createElement("canvas");
  [mask.width, mask.height] = [canvas.width, canvas.height];
  const paper = mask.getContext("2d");
  paper.drawImage(canvas, 0, 0);
  paper.globalCompositeOperation = "source-in";
  paper.fillStyle = "white";
  paper.fillRect(0, 0, mask.width, mask.height);
  paper.globalCompositeOperation = "destination-over";
  paper.fillStyle = "black";
  paper.fillRect(0, 0, mask.width, mask.height);
  props.value = mask.toDataURL("image/png");
}

function remember() {
  before.push(context.getImageData(0, 0, canvas.width, canvas.height));
  if (before.length > MAX_UNDO) before.shift();
}

function choose(name) {
  tool = name;
  for (const each of tools) each.setAttribute("aria-pressed", String(each.dataset.tool === name));
  size.closest("label").classList.toggle("idle", name === "box");
  ring.hidden = name === "box";
}

function moveRing(event) {
  const frame = canvas.getBoundingClientRect();
  const width = (brushWidth() * frame.width) / canvas.width;
  ring.style.width = ring.style.height = width + "px";
  ring.style.left = event.clientX - frame.left - width / 2 + "px";
  ring.style.top = event.clientY - frame.top - width / 2 + "px";
}

canvas.addEventListener("pointerdown", (event) => {
  if (event.button !== 0 || !canvas.width) return;
  event.preventDefault();
  canvas.setPointerCapture(event.pointerId);
  remember();
  start = last = place(event);
  if (tool !== "box") stroke(start, { x: start.x + 0.01, y: start.y });
});

canvas.addEventListener("pointermove", (event) => {
  moveRing(event);
  if (!start) return;
  const here = place(event);
  if (tool === "box") box(start, here);
  else stroke(last, here);
  last = here;
});

for (const name of ["pointerup", "pointercancel"]) {
  canvas.addEventListener(name, () => {
    if (!start) return;
    start = last = null;
    tell();
  });
}

for (const each of tools) each.addEventListener("click", () => choose(each.dataset.tool));

element.querySelector("[data-action=undo]").addEventListener("click", () => {
  if (!before.length) return;
  context.putImageData(before.pop(), 0, 0);
  tell();
});

element.querySelector("[data-action=clear]").addEventListener("click", () => {
  remember();
  context.clearRect(0, 0, canvas.width, canvas.height);
  tell();
});

// A hole that the server knows: white on black becomes ink on nothing.
async function mark(uri) {
  const hole = new Image();
  hole.src = uri;
  await hole.decode();
  context.globalCompositeOperation = "source-over";
  context.drawImage(hole, 0, 0);
  const marks = context.getImageData(0, 0, canvas.width, canvas.height);
  ink();
  context.globalCompositeOperation = "source-over";
  context.fillRect(0, 0, 1, 1);
  const [red, green, blue] = context.getImageData(0, 0, 1, 1).data;
  for (let at = 0; at < marks.data.length; at += 4) {
    const opacity = marks.data[at];
    marks.data.set([red, green, blue, opacity], at);
  }
  context.putImageData(marks, 0, 0);
}

async function show() {
  const sheet = props.sheet;
  if (!sheet || sheet.number === number) return;
  number = sheet.number;
  picture.src = sheet.picture;
  await picture.decode();
  [canvas.width, canvas.height] = [picture.naturalWidth, picture.naturalHeight];
  const share = canvas.width / canvas.height;
  stage.style.aspectRatio = String(share);
  stage.style.width = "min(100%, calc(66vh * " + share + "))";
  stage.classList.toggle("small", Math.max(canvas.width, canvas.height) <= 160);
  before = [];
  if (sheet.hole) await mark(sheet.hole);
  tell();
  element.firstElementChild.dataset.number = number;
}

watch("sheet", show);
show();

"use strict";

const data = JSON.parse(document.getElementById("rating-data").textContent);
const STORED = `scenefill-rating-${data.test_sha256}-${data.generator_sha256}`;
const SCALES = ["local", "global"];
const views = Object.fromEntries(["start", "rate", "end"].map((id) => [id, document.getElementById(id)]));
// image name -> {local, global}; `place` is of the image that is shown.
let state = recall() ?? { place: 0, scores: {} };

function recall() {
  try { return JSON.parse(localStorage.getItem(STORED)); } catch { return null; }
}

// A page opened from a file may have no storage: then closing it loses what was not downloaded.
function keep() {
  try { localStorage.setItem(STORED, JSON.stringify(state)); } catch { /* see above */ }
}

function show(name) {
  for (const [id, view] of Object.entries(views)) view.hidden = id !== name;
}

const scoresOf = (image) => state.scores[image.name] ?? {};
const isRated = (image) => SCALES.every((scale) => scale in scoresOf(image));
const rated = () => data.images.filter(isRated);

for (const scale of SCALES) {
  const row = document.querySelector(`#${scale} div`);
  for (let score = 1; score <= 10; score += 1) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = score;
    button.addEventListener("click", () => give(scale, score));
    row.append(button);
  }
}

function give(scale, score) {
  const image = data.images[state.place];
  state.scores[image.name] = { ...scoresOf(image), [scale]: score };
  keep();
  drawScores();
}

function draw() {
  show("rate");
  const image = data.images[state.place];
  document.getElementById("image").src = image.uri;
  document.getElementById("hole").src = data.holes[image.hole];
  drawScores();
}

function drawScores() {
  const scores = scoresOf(data.images[state.place]);
  const current = SCALES.find((scale) => !(scale in scores));
  for (const scale of SCALES) {
    const fieldset = document.getElementById(scale);
    fieldset.classList.toggle("current", scale === current);
    fieldset.querySelectorAll("button").forEach((button, place) => {
      button.setAttribute("aria-pressed", String(scores[scale] === place + 1));
    });
  }
  document.getElementById("next").disabled = current !== undefined;
  document.getElementById("back").disabled = state.place === 0;
  document.getElementById("progress").value = rated().length;
  document.getElementById("place").textContent = `${state.place + 1} of ${data.images.length}`;
}

function next() {
  if (!isRated(data.images[state.place])) return;
  if (state.place + 1 === data.images.length) { finish(); return; }
  state.place += 1;
  keep();
  draw();
}

function back() {
  if (state.place === 0) return;
  state.place -= 1;
  keep();
  draw();
}

function finish() {
  show("end");
  const num = rated().length;
  document.getElementById("summary").textContent =
    `You have rated ${num} of ${data.images.length} image${data.images.length === 1 ? "" : "s"}.`;
  document.getElementById("download").disabled = num === 0;
}

function download() {
  // The names of format 1, which files of former raters have too.
  const result = {
    format: "scenefill-rating-1",
    rater: document.getElementById("rater").value.trim(),
    test_sha256: data.test_sha256,
    generator_sha256: data.generator_sha256,
    num_pictures: data.images.length,
    ratings: rated().map((image) => ({ picture: image.name, ...scoresOf(image) })),
  };
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([`${JSON.stringify(result, null, 2)}\n`], { type: "application/json" }));
  const mark = [...crypto.getRandomValues(new Uint8Array(4))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  link.download = `rating-${mark}.json`;
  link.click();
  URL.revokeObjectURL(link.href);
}

document.getElementById("begin").addEventListener("click", draw);
document.getElementById("more").addEventListener("click", draw);
document.getElementById("next").addEventListener("click", next);
document.getElementById("back").addEventListener("click", back);
document.getElementById("stop").addEventListener("click", finish);
document.getElementById("download").addEventListener("click", download);
document.getElementById("afresh").addEventListener("click", () => {
  state = { place: 0, scores: {} };
  keep();
  show("start");
});

addEventListener("keydown", (event) => {
  if (views.rate.hidden || event.ctrlKey || event.metaKey || event.altKey) return;
  if (/^[0-9]$/.test(event.key)) {
    const scores = scoresOf(data.images[state.place]);
    const scale = SCALES.find((each) => !(each in scores)) ?? "global";
    give(scale, Number(event.key) || 10);
  } else if (event.key === "Enter") {
    event.preventDefault();
    next();
  } else if (event.key === "Backspace") {
    event.preventDefault();
    back();
  }
});

show("start");
if (rated().length > 0) document.getElementById("begin").textContent = "Go on";

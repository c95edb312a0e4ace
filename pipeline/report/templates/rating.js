"use strict";

const data = JSON.parse(document.getElementById("rating-data").textContent);
const STORED = `scenefill-rating-${data.test_sha256}-${data.generator_sha256}`;
const SCALES = ["local", "global"];
const views = Object.fromEntries(["start", "rate", "end"].map((id) => [id, document.getElementById(id)]));
// picture name -> {local, global}; `place` is of the picture that is shown.
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

const scoresOf = (picture) => state.scores[picture.name] ?? {};
const isRated = (picture) => SCALES.every((scale) => scale in scoresOf(picture));
const rated = () => data.pictures.filter(isRated);

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
  const picture = data.pictures[state.place];
  state.scores[picture.name] = { ...scoresOf(picture), [scale]: score };
  keep();
  drawScores();
}

function draw() {
  show("rate");
  const picture = data.pictures[state.place];
  document.getElementById("picture").src = picture.uri;
  document.getElementById("hole").src = data.holes[picture.hole];
  drawScores();
}

function drawScores() {
  const scores = scoresOf(data.pictures[state.place]);
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
  document.getElementById("place").textContent = `${state.place + 1} of ${data.pictures.length}`;
}

function next() {
  if (!isRated(data.pictures[state.place])) return;
  if (state.place + 1 === data.pictures.length) { finish(); return; }
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
    `You have rated ${num} of ${data.pictures.length} pictures.`;
  document.getElementById("download").disabled = num === 0;
}

function download() {
  const result = {
    format: "scenefill-rating-1",
    rater: document.getElementById("rater").value.trim(),
    test_sha256: data.test_sha256,
    generator_sha256: data.generator_sha256,
    num_pictures: data.pictures.length,
    ratings: rated().map((picture) => ({ picture: picture.name, ...scoresOf(picture) })),
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
    const scores = scoresOf(data.pictures[state.place]);
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

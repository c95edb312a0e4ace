"use strict";

const THEMES = ["auto", "light", "dark"];
const theme = document.getElementById("theme");

function showTheme(name) {
  if (name === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  theme.textContent = name;
}

// A page opened from a file may have no storage: then the choice lasts as long as the page.
function remember(name) {
  try { localStorage.setItem("scenefill-theme", name); } catch { /* see above */ }
}

function remembered() {
  try { return localStorage.getItem("scenefill-theme"); } catch { return null; }
}

showTheme(THEMES.includes(remembered()) ? remembered() : "auto");
theme.addEventListener("click", () => {
  const next = THEMES[(THEMES.indexOf(theme.textContent) + 1) % THEMES.length];
  showTheme(next);
  remember(next);
});

// Tabs
const tabs = [...document.querySelectorAll("[role=tab]")];
function selectTab(chosen) {
  for (const tab of tabs) {
    const on = tab === chosen;
    tab.setAttribute("aria-selected", String(on));
    tab.tabIndex = on ? 0 : -1;
    document.getElementById(tab.getAttribute("aria-controls")).hidden = !on;
  }
}
tabs.forEach((tab, place) => {
  tab.addEventListener("click", () => selectTab(tab));
  tab.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const next = tabs[(place + by + tabs.length) % tabs.length];
    selectTab(next);
    next.focus();
  });
});
if (tabs.length) selectTab(tabs[0]);

// A closer look
const zoom = document.getElementById("zoom");
const image = document.getElementById("zoom-image");
const methods = document.getElementById("zoom-methods");
const rows = [...document.querySelectorAll("#gallery tbody tr")];
let row = -1;
let column = 0;

function lookAt(newRow, newColumn) {
  const buttons = [...rows[newRow].querySelectorAll("button")];
  row = newRow;
  column = newColumn;
  const { title, note } = buttons[column].dataset;
  document.getElementById("zoom-title").textContent = title;
  document.getElementById("zoom-note").textContent =
    [note, rows[row].dataset.category, rows[row].dataset.key].filter(Boolean).join(" · ");
  image.src = buttons[column].querySelector("img").src;
  image.alt = title;
  image.className = "pixels square";
  [...methods.children].forEach((choice, place) => {
    choice.setAttribute("aria-pressed", String(place === column));
  });
}

// Once for all photos: they have the same methods, and a button that has the focus keeps it.
function offerMethods() {
  methods.replaceChildren(...[...rows[0].querySelectorAll("button")].map((button, place) => {
    const choice = document.createElement("button");
    choice.type = "button";
    choice.textContent = button.dataset.title;
    choice.addEventListener("click", () => lookAt(row, place));
    return choice;
  }));
}

rows.forEach((each, place) => each.querySelectorAll("button").forEach((button, at) => {
  button.addEventListener("click", () => {
    offerMethods();
    lookAt(place, at);
    zoom.showModal();
  });
}));

for (const sheet of document.querySelectorAll("[data-zoom]")) {
  sheet.addEventListener("click", () => {
    row = -1;
    document.getElementById("zoom-title").textContent = sheet.dataset.zoom;
    document.getElementById("zoom-note").textContent = "";
    image.src = sheet.querySelector("img").src;
    image.alt = sheet.dataset.zoom;
    image.className = "";
    methods.replaceChildren();
    zoom.showModal();
  });
}

zoom.addEventListener("keydown", (event) => {
  const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
  if (!step || row < 0) return;
  event.preventDefault();
  const width = rows[row].querySelectorAll("button").length;
  lookAt((row + step[0] + rows.length) % rows.length, (column + step[1] + width) % width);
});
zoom.addEventListener("click", (event) => { if (event.target === zoom) zoom.close(); });
document.getElementById("zoom-close").addEventListener("click", () => zoom.close());

// What other thresholds would keep
const known = document.getElementById("what-if-data");
if (known) {
  const facts = JSON.parse(known.textContent);
  const score = document.getElementById("score");
  const area = document.getElementById("area");
  for (const value of facts.areas) area.add(new Option(`${value * 100} %`, value));
  score.max = facts.scores.length - 1;
  score.value = facts.scores.indexOf(facts.min_score);
  area.value = facts.min_box_area;
  const number = new Intl.NumberFormat("en-US");
  const now = facts.kept[facts.areas.indexOf(facts.min_box_area)][facts.scores.indexOf(facts.min_score)];
  const update = () => {
    const kept = facts.kept[area.selectedIndex][score.value];
    document.getElementById("score-out").textContent = facts.scores[score.value].toFixed(2);
    document.getElementById("kept-out").textContent = number.format(kept);
    const difference = kept - now;
    document.getElementById("kept-difference").textContent = difference === 0
      ? "as many as in this run"
      : `${number.format(Math.abs(difference))} ${difference > 0 ? "more" : "fewer"} than in this run`;
  };
  score.addEventListener("input", update);
  area.addEventListener("change", update);
  update();
}

// On paper nothing is folded away, and what was open stays open afterwards.
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details:not([open])")];
  for (const each of opened) each.open = true;
});
addEventListener("afterprint", () => { for (const each of opened) each.open = false; });

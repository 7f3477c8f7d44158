"use strict";
// The fragment of the address stores the filter and the order of the table, so that a view can be saved and shared:
// #status=failed&q=corrupt&sort=-seconds
const body = document.querySelector("tbody");
const rows = [...body.rows];
const headers = [...document.querySelectorAll("th[data-key]")];
const filterButtons = [...document.querySelectorAll("[data-status][aria-pressed]")];
const textField = document.querySelector("input");
const countElement = document.querySelector("output");
const totalText = countElement.textContent; // "6 files"
const texts = new Map(rows.map(row => [row, `${row.dataset.file} ${row.textContent}`.toLowerCase()]));
const collator = new Intl.Collator("en", { numeric: true });
const statusOrder = ["failed", "skipped", "unchanged", "done"];

function sortValue(row, key) {
  const text = row.dataset[key];
  if (text === "") return null;
  if (key === "status") return statusOrder.indexOf(text);
  return key === "file" || key === "pointing" ? text : Number(text);
}

function comparison(key, sign) {
  return (row, other) => {
    const [a, b] = [sortValue(row, key), sortValue(other, key)];
    if (a === null || b === null) return (a === null) - (b === null); // unknown values are last in both directions
    const difference = typeof a === "number" ? a - b : collator.compare(a, b);
    return sign * difference || row.dataset.index - other.dataset.index;
  };
}

function currentView() {
  return new URLSearchParams(location.hash.slice(1));
}

function changeView(name, text) {
  const view = currentView();
  if (text) view.set(name, text);
  else view.delete(name);
  history.replaceState(null, "", `#${view}`);
  show();
}

let shownSort = "";

function sortRows(sort) {
  if (sort === shownSort) return;
  shownSort = sort;
  const [key, sign] = sort.startsWith("-") ? [sort.slice(1), -1] : [sort, 1];
  const isKnown = headers.some(header => header.dataset.key === key);
  body.append(...[...rows].sort(isKnown ? comparison(key, sign) : comparison("index", 1)));
  for (const header of headers) {
    if (header.dataset.key === key) header.setAttribute("aria-sort", sign < 0 ? "descending" : "ascending");
    else header.removeAttribute("aria-sort");
  }
}

function show() {
  const view = currentView();
  const status = view.get("status") || "all";
  const query = view.get("q") || "";
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  let visible = 0;
  for (const row of rows) {
    const text = texts.get(row);
    row.hidden = !((status === "all" || row.dataset.status === status) && words.every(word => text.includes(word)));
    visible += !row.hidden;
  }
  sortRows(view.get("sort") || "");
  for (const button of filterButtons) button.setAttribute("aria-pressed", button.dataset.status === status);
  if (textField.value !== query) textField.value = query;
  countElement.textContent = visible === rows.length ? totalText : `${visible} of ${totalText}`;
  document.querySelector(".nothing").hidden = visible > 0;
}

for (const header of headers) {
  const button = document.createElement("button");
  button.type = "button";
  button.append(...header.childNodes);
  header.append(button);
  button.addEventListener("click", () => {
    // The first click sorts upward, the second downward, and the third restores the order of the batch.
    const key = header.dataset.key;
    changeView("sort", { [key]: `-${key}`, [`-${key}`]: "" }[shownSort] ?? key);
  });
}
for (const button of filterButtons) {
  const status = button.dataset.status;
  button.addEventListener("click", () => changeView("status", status === "all" ? "" : status));
}
textField.addEventListener("input", () => changeView("q", textField.value));
addEventListener("hashchange", show);
document.querySelector("search").hidden = false;
show();

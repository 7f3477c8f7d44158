"use strict";
// Filter and order of the table live in the fragment, so that a view can be kept and sent:
// #status=failed&q=corrupt&sort=-seconds
const body = document.querySelector("tbody");
const rows = [...body.rows];
const heads = [...document.querySelectorAll("th[data-key]")];
const chips = [...document.querySelectorAll("[data-status][aria-pressed]")];
const field = document.querySelector("input");
const count = document.querySelector("output");
const total = count.textContent;
const texts = new Map(rows.map(row => [row, `${row.dataset.file} ${row.textContent}`.toLowerCase()]));
const order = new Intl.Collator("en", { numeric: true });
const rank = ["failed", "skipped", "unchanged", "done"];

function value(row, key) {
  const text = row.dataset[key];
  if (text === "") return null;
  if (key === "status") return rank.indexOf(text);
  return key === "file" || key === "pointing" ? text : Number(text);
}

function compare(key, sign) {
  return (one, other) => {
    const [a, b] = [value(one, key), value(other, key)];
    if (a === null || b === null) return (a === null) - (b === null); // what is not known comes last either way
    const by = typeof a === "number" ? a - b : order.compare(a, b);
    return sign * by || one.dataset.index - other.dataset.index;
  };
}

function state() {
  return new URLSearchParams(location.hash.slice(1));
}

function change(name, text) {
  const wanted = state();
  if (text) wanted.set(name, text);
  else wanted.delete(name);
  history.replaceState(null, "", `#${wanted}`);
  show();
}

let shownSort = "";

function sort(wanted) {
  if (wanted === shownSort) return;
  shownSort = wanted;
  const [key, sign] = wanted.startsWith("-") ? [wanted.slice(1), -1] : [wanted, 1];
  const known = heads.some(head => head.dataset.key === key);
  body.append(...[...rows].sort(known ? compare(key, sign) : compare("index", 1)));
  for (const head of heads) {
    if (head.dataset.key === key) head.setAttribute("aria-sort", sign < 0 ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  }
}

function show() {
  const wanted = state();
  const status = wanted.get("status") || "all";
  const query = wanted.get("q") || "";
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  let left = 0;
  for (const row of rows) {
    const text = texts.get(row);
    row.hidden = !((status === "all" || row.dataset.status === status) && words.every(word => text.includes(word)));
    left += !row.hidden;
  }
  sort(wanted.get("sort") || "");
  for (const chip of chips) chip.setAttribute("aria-pressed", chip.dataset.status === status);
  if (field.value !== query) field.value = query;
  count.textContent = left === rows.length ? total : `${left} of ${total}`;
  document.querySelector(".nothing").hidden = left > 0;
}

for (const head of heads) {
  const button = document.createElement("button");
  button.type = "button";
  button.append(...head.childNodes);
  head.append(button);
  button.addEventListener("click", () => {
    const key = head.dataset.key;
    change("sort", { [key]: `-${key}`, [`-${key}`]: "" }[shownSort] ?? key);
  });
}
for (const chip of chips) {
  chip.addEventListener("click", () => change("status", chip.dataset.status === "all" ? "" : chip.dataset.status));
}
field.addEventListener("input", () => change("q", field.value));
addEventListener("hashchange", show);
document.querySelector("search").hidden = false;
show();

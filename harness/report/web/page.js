"use strict";
// Tables sort by the button in a head; long ones filter; and the layers that are left are ranked.
const make = (tag, text = "", parent = null) => {
  const element = document.createElement(tag);
  element.textContent = text;
  if (parent) parent.append(element);
  return element;
};
const number = (cell, name = "value") => cell.dataset[name] === undefined ? null : Number(cell.dataset[name]);

function sortBy(head) {
  const body = head.closest("table").tBodies[0], column = head.cellIndex;
  const sign = head.ariaSort === "ascending" ? -1 : 1;
  for (const other of head.parentElement.cells) other.ariaSort = null;
  head.ariaSort = sign === 1 ? "ascending" : "descending";
  const compare = (a, b) => {
    const x = number(a.cells[column]), y = number(b.cells[column]);
    if (x !== null && y !== null) return x === y ? 0 : sign * (x - y);
    if (x !== null || y !== null) return x === null ? 1 : -1;
    return sign * a.cells[column].textContent.localeCompare(b.cells[column].textContent, undefined, {numeric: true});
  };
  body.append(...[...body.rows].sort(compare));
}

// A number must be a whole word of the row, the name of an op is that op, and anything else a part of its text.
function matches(row, query, ops = []) {
  const text = `${row.dataset.words ?? ""} ${[...row.cells].map(cell => cell.textContent).join(" ")}`.toLowerCase();
  const words = text.split(/[\s,:]+/);
  return query.toLowerCase().split(/[\s,]+/).filter(Boolean).every(token =>
    /^\d+$/.test(token) ? words.includes(token) : ops.includes(token) ? row.cells[1].textContent === token : text.includes(token));
}

for (const table of document.querySelectorAll("main table")) {
  for (const head of table.tHead.rows[0].cells) {
    const button = make("button", head.textContent);
    button.type = "button";
    button.title = "sort";
    button.addEventListener("click", () => sortBy(head));
    head.replaceChildren(button);
  }
  const rows = [...table.tBodies[0].rows], caption = table.closest("figure").querySelector("figcaption");
  if (rows.length < 9 || table.closest("#your-layer")) continue;
  const box = make("input");
  Object.assign(box, {type: "search", className: "tool", placeholder: "filter rows", ariaLabel: `filter ${caption.firstElementChild.textContent}`});
  box.addEventListener("input", () => { for (const row of rows) row.hidden = !matches(row, box.value); });
  caption.firstElementChild.after(box);
}

const compared = ratio => {
  const factor = ratio < 1 ? 1 / ratio : ratio, text = factor < 100 ? factor.toFixed(1) : factor.toFixed(0);
  const way = ratio < 1 ? "faster" : "slower", percent = Math.round(100 * Math.abs(ratio - 1));
  return text !== "1.0" ? `${text}x ${way}` : percent ? `${percent} % ${way}` : "same";
};
const mean = ratios => Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);

// Who was timed on all of the rows comes first; then by the geometric mean against the first reference.
function ranked(rows, heads, references) {
  const found = [];
  heads.forEach((name, column) => {
    if (column < 3) return;
    const isBase = name === `${references[0]} takes`, cells = rows.map(row => row.cells[column]).filter(cell => number(cell) !== null);
    if (!cells.length) return;
    const second = cells.map(cell => number(cell, "second")).filter(ratio => ratio !== null);
    const ratio = isBase ? 1 : mean(cells.map(cell => number(cell)));
    found.push({name: isBase ? references[0] : name, ratio, second: second.length ? mean(second) : null, layers: cells.length});
  });
  return found.sort((a, b) => b.layers - a.layers || a.ratio - b.ratio);
}

const section = document.querySelector("#your-layer");
if (section) {
  const table = document.getElementById(section.dataset.table), references = section.dataset.references.split(" ");
  const rows = [...table.tBodies[0].rows], heads = [...table.tHead.rows[0].cells].map(head => head.textContent);
  const ops = [...new Set(rows.map(row => row.cells[1].textContent))];
  const tool = make("div"), named = make("label", "layer, network, geometry or spec", tool), box = make("input", "", named);
  const chosen = make("label", "op", tool), select = make("select", "", chosen), result = make("div");
  tool.className = "tool";
  result.id = "ranking";
  result.ariaLive = "polite";
  Object.assign(box, {type: "search", placeholder: "resnet50 3x3, or 3x3 64 56x56, or depthwise", autocomplete: "off", spellcheck: false});
  for (const op of [...ops, "every op"]) make("option", op, select);
  select.value = ops.includes("conv2d") ? "conv2d" : ops[0];
  section.querySelector("figure").before(tool, result);

  const show = () => {
    const typed = ops.find(op => box.value.toLowerCase().split(/[\s,]+/).includes(op));
    const left = rows.filter(row => {
      const right = typed || select.value === "every op" || row.cells[1].textContent === select.value;
      row.hidden = !(right && matches(row, box.value, ops));
      return !row.hidden;
    });
    result.replaceChildren();
    if (!left.length) {
      make("p", "No measured layer matches. To measure your own: ", result).append(make("code", "harness bench --shapes n1c64h56w56_f64kh3kw3_pt1pb1pl1pr1"));
      return;
    }
    const outcome = make("table", "", result), line = make("tr", "", make("thead", "", outcome)), body = make("tbody", "", outcome);
    const scroll = make("div");
    scroll.className = "scroll";
    outcome.replaceWith(scroll);
    scroll.append(outcome);
    for (const name of ["op", "backend", ...references.map(name => `against ${name}`), "layers"]) make("th", name, line).scope = "col";
    for (const op of ops) {
      const own = left.filter(row => row.cells[1].textContent === op);
      ranked(own, heads, references).forEach((one, place) => {
        const tr = make("tr", "", body);
        make("td", op, tr);
        const name = make("th", one.name, tr);
        name.scope = "row";
        if (place === 0) tr.className = "ranked";
        [one.ratio, one.second].slice(0, references.length).forEach((ratio, index) => {
          const shown = one.name === references[index] ? "–" : ratio === null ? "not timed together" : compared(ratio);
          const cell = make("td", shown, tr);
          if (ratio !== null) cell.dataset.value = ratio;
          cell.className = /faster|slower/.exec(shown)?.[0] ?? "";
        });
        make("td", one.layers === own.length ? `${one.layers}` : `${one.layers} of ${own.length}`, tr);
      });
    }
  };
  box.addEventListener("input", show);
  select.addEventListener("change", show);
  show();
}

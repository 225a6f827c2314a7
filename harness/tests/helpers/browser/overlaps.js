// Pairs of texts that lie over each other by more than a pixel: of the page, of a picture, of a row of a table.
const found = [];
const seen = one => one.checkVisibility({visibilityProperty: true, contentVisibilityAuto: true});
const box = one => [one, one.getBoundingClientRect()];
const said = one => `“${one.textContent.trim().slice(0, 40)}”`;
function compare(list, slack) {
  const shown = list.filter(([, {width, height}]) => width && height);
  shown.forEach(([one, a], index) => {
    for (const [other, b] of shown.slice(index + 1)) {
      if (one.contains(other) || other.contains(one)) continue;
      const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (across > slack && down > slack) found.push(`${said(one)} and ${said(other)}`);
    }
  });
}
function words(cell) {
  const range = document.createRange();
  range.selectNodeContents(cell);
  return [cell, range.getBoundingClientRect()];
}
const blocks = "h1, h2, h3, p, summary, nav a, figcaption > *, label, .tool, .scroll, .drawing, li, pre";
compare([...document.querySelectorAll(blocks)].filter(one => seen(one) && !one.closest("td")).map(box), 1);
for (const svg of document.querySelectorAll("svg")) if (seen(svg)) compare([...svg.querySelectorAll("text")].map(box), 1.5);
for (const row of document.querySelectorAll("tr"))
  if (seen(row)) compare([...row.cells].filter(cell => getComputedStyle(cell).position !== "sticky").map(words), 1);
return found;

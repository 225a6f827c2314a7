// Whatever reaches beyond the right edge of the window, and is not within what scrolls by itself.
const found = [];
for (const one of document.querySelectorAll("body *")) {
  const box = one.getBoundingClientRect();
  if (!box.width || box.right <= innerWidth + 1) continue;
  let scrolls = false;
  for (let up = one.parentElement; up && up !== document.body; up = up.parentElement)
    scrolls ||= getComputedStyle(up).overflowX !== "visible" || up.tagName === "svg";
  if (!scrolls) found.push(`${one.tagName} ${one.id} ${one.textContent.slice(0, 40)} ends at ${box.right}`);
}
const width = document.documentElement.scrollWidth;
if (width > innerWidth) found.push(`the page is ${width} wide`);
return found;

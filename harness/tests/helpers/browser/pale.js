// How many texts there are, and each whose contrast with what is behind it is below 4.5, the limit of WCAG AA.
function parse(colour) {
  const [r, g, b, alpha = 1] = colour.match(/[\d.]+/g).map(Number);
  return colour.startsWith("color(srgb") ? [255 * r, 255 * g, 255 * b, alpha] : [r, g, b, alpha];
}
function light(colour) {
  const linear = value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const [r, g, b] = colour.map(value => linear(value / 255));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function behind(one) {
  for (let up = one; up; up = up.parentElement) {
    const colour = parse(getComputedStyle(up).backgroundColor);
    if (colour[3] === 1) return colour;
  }
  return [255, 255, 255, 1];
}
const found = new Set(), walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
let texts = 0;
while (walker.nextNode()) {
  const text = walker.currentNode.data.trim(), one = walker.currentNode.parentElement;
  if (!text || one.closest("script, style, option") || !one.checkVisibility({visibilityProperty: true})) continue;
  texts++;
  const style = getComputedStyle(one), drawn = one.closest("svg");
  const ink = parse(drawn ? style.fill : style.color), under = behind(drawn ? drawn.parentElement : one);
  let opacity = ink[3];
  for (let up = one; up; up = up.parentElement) opacity *= Number(getComputedStyle(up).opacity);
  const mixed = [0, 1, 2].map(i => ink[i] * opacity + under[i] * (1 - opacity));
  const [dim, bright] = [light(mixed), light(under.slice(0, 3))].sort((a, b) => a - b);
  const ratio = (bright + 0.05) / (dim + 0.05);
  if (ratio < 4.5) found.add(`${ratio.toFixed(2)} ${one.tagName}.${one.getAttribute("class") ?? ""}: ${text.slice(0, 40)}`);
}
return [texts, [...found]];

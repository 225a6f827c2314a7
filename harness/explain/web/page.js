"use strict";
(() => {
  const frames = [...document.querySelectorAll(".frame")];
  const slider = document.getElementById("position");
  const rows = [...document.querySelectorAll("#columns tr")];

  function show(position) {
    frames.forEach((frame, number) => { frame.hidden = number !== position; });
    for (const row of rows) {
      [...row.children].slice(1).forEach((cell, number) => cell.classList.toggle("now", number === position));
    }
  }

  document.getElementById("slide").hidden = false;
  slider.addEventListener("input", () => show(Number(slider.value)));
  show(Number(slider.value));
})();

"use strict";
(() => {
  const input = document.getElementById("search");
  if (!input) return;
  const tools = input.closest(".tools");
  const found = document.getElementById("found");
  const items = [...document.querySelectorAll("#answers .item")].map((item) => ({
    item,
    text: item.textContent.toLowerCase(),
  }));
  tools.hidden = false;
  input.addEventListener("input", () => {
    const wanted = input.value.trim().toLowerCase();
    let shown = 0;
    for (const { item, text } of items) {
      item.hidden = wanted !== "" && !text.includes(wanted);
      if (!item.hidden) {
        shown += 1;
        if (wanted !== "") {
          for (const outer of [item.closest(".rest"), item.closest(".group")]) {
            if (outer) outer.open = true;
          }
        }
      }
    }
    found.textContent = wanted === "" ? "" : `${shown} of ${items.length} shown`;
  });
})();

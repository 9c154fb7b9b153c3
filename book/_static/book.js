document.addEventListener("DOMContentLoaded", () => {
  // A table of words that is wider than the page, as on a phone, shows its cells one below the other.
  for (const table of document.querySelectorAll(".bd-article table:not(.dataframe)")) {
    if (table.scrollWidth <= table.clientWidth) continue;
    const names = [...table.querySelectorAll("thead th")].map((cell) => cell.textContent.trim());
    table.classList.add("stacked");
    for (const row of table.querySelectorAll("tbody tr")) {
      [...row.cells].forEach((cell, column) => { cell.dataset.name = names[column] ?? ""; });
    }
  }
  // Scrolling regions can be reached by keyboard, as wide tables, code and formulas must be.
  const reach = (kind) => {
    for (const region of document.querySelectorAll(`.bd-article ${kind}`)) {
      if (region.scrollWidth > region.clientWidth) region.tabIndex = 0;
    }
  };
  ["table", "pre"].forEach(reach);
  // A formula that is wider than the page is set smaller, until it fits.
  const fit = () => {
    for (const formula of document.querySelectorAll('.bd-article mjx-container[display="true"]')) {
      formula.dataset.size ??= formula.style.fontSize;  // what MathJax chose beside this text
      formula.style.fontSize = formula.dataset.size;
      const share = formula.clientWidth / formula.scrollWidth;
      const size = parseFloat(getComputedStyle(formula).fontSize);
      if (share < 1) formula.style.fontSize = `${size * share * 0.99}px`;
    }
  };
  window.MathJax?.startup?.promise.then(fit).then(() => reach("mjx-container"));
  window.addEventListener("resize", fit);
  // Nothing moves by itself for readers who asked for that.
  if (window.matchMedia("(prefers-reduced-motion: reduce)").matches) {
    for (const video of document.querySelectorAll("video[autoplay]")) {
      video.autoplay = false;
      video.pause();
    }
  }
  // docutils calls the bibliography a list, but not its entries items of one.
  for (const list of document.querySelectorAll(".citation-list")) list.removeAttribute("role");
});

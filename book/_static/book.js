document.addEventListener("DOMContentLoaded", () => {
  // Scrolling regions can be reached by keyboard, as wide tables, code and formulas must be.
  const reach = (kind) => {
    for (const region of document.querySelectorAll(`.bd-article ${kind}`)) {
      if (region.scrollWidth > region.clientWidth) region.tabIndex = 0;
    }
  };
  ["table", "pre"].forEach(reach);
  window.MathJax?.startup?.promise.then(() => reach("mjx-container"));
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

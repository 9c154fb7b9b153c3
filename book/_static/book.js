// Scrolling regions can be reached by keyboard, as wide tables and code must be.
document.addEventListener("DOMContentLoaded", () => {
  for (const region of document.querySelectorAll(".bd-article table, .bd-article pre")) {
    if (region.scrollWidth > region.clientWidth) region.tabIndex = 0;
  }
});

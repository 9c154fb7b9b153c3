document.addEventListener("DOMContentLoaded", () => {
  // Scrolling regions can be reached by keyboard, as wide tables and code must be.
  for (const region of document.querySelectorAll(".bd-article table, .bd-article pre")) {
    if (region.scrollWidth > region.clientWidth) region.tabIndex = 0;
  }
  // docutils calls the bibliography a list, but not its entries items of one.
  for (const list of document.querySelectorAll(".citation-list")) list.removeAttribute("role");
});

// Names what the theme leaves unnamed, so that a screen reader's list of landmarks says something.
// Limit: names and roles; nothing on the page moves or loads.
(() => {
  const name = () => {
    for (const e of document.querySelectorAll('.md-search[role="dialog"]:not([aria-label])'))
      e.setAttribute("aria-label", "Search");
    for (const e of document.querySelectorAll(".md-nav .md-nav[aria-labelledby]")) {
      e.setAttribute("aria-label", `Pages of ${e.querySelector(".md-nav__title")?.textContent.trim()}`);
      e.removeAttribute("aria-labelledby");
    }
    document.querySelectorAll(".md-code__nav").forEach((e, i) => {
      if (!e.ariaLabel) e.setAttribute("aria-label", `Tools for code block ${i + 1}`);
    });
    for (const e of document.querySelectorAll(".md-typeset pre > code, .md-typeset__scrollwrap"))
      if (e.tabIndex < 0 && e.scrollWidth > e.clientWidth) e.tabIndex = 0;
  };
  // The empty corner of a table heads nothing.
  for (const e of document.querySelectorAll(".md-typeset th:empty")) e.replaceWith(document.createElement("td"));
  name();
  new MutationObserver(name).observe(document.body, { childList: true, subtree: true });
  addEventListener("resize", name);
})();

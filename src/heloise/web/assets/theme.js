// Before the first paint: the theme that was chosen here. Without a choice the system's is used.
(() => {
  try {
    const theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // Storage may be forbidden; then there is nothing to remember.
  }
})();

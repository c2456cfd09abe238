// A classic script in the head, so that the chosen theme is there before the first paint.
(() => {
  const THEMES = ["auto", "light", "dark"];
  const KEY = "fileman-theme";
  const root = document.documentElement;

  /** @param {string} theme */
  function show(theme) {
    root.dataset.theme = theme;
    const button = document.getElementById("theme");
    if (button) button.textContent = `Theme: ${theme}`;
  }

  function stored() {
    try {
      return localStorage.getItem(KEY) ?? "auto";
    } catch {
      return "auto";
    }
  }

  function next() {
    const theme = THEMES[(THEMES.indexOf(root.dataset.theme ?? "auto") + 1) % THEMES.length];
    show(theme);
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // The choice then lasts as long as the page.
    }
  }

  show(stored());
  document.addEventListener("DOMContentLoaded", () => {
    show(root.dataset.theme ?? "auto");
    document.getElementById("theme")?.addEventListener("click", next);
  });
})();

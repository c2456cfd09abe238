// A classic script in the head, so that the chosen theme is there before the first paint.
(() => {
  const KEY = "fileman-theme";
  const root = document.documentElement;

  function stored() {
    try {
      return localStorage.getItem(KEY) ?? "auto";
    } catch {
      return "auto";
    }
  }

  root.dataset.theme = stored();
  document.addEventListener("DOMContentLoaded", () => {
    const control = document.getElementById("theme");
    if (!(control instanceof HTMLSelectElement)) return;
    control.value = root.dataset.theme ?? "auto";
    control.addEventListener("change", () => {
      root.dataset.theme = control.value;
      // Where the browser refuses, the choice lasts as long as the page.
      localStorage.setItem(KEY, control.value);
    });
  });
})();

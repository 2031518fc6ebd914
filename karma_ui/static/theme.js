// Sets the chosen theme before anything is drawn; without a choice the system's stands.
"use strict";
(() => {
  const chosen = localStorage.getItem("karma-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
})();

// What all pages do: the theme, the environment switch, forms that send themselves, events as they come.
"use strict";
(() => {
  const root = document.documentElement;
  const dark = () =>
    (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";

  document.getElementById("theme").addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    localStorage.setItem("karma-theme", root.dataset.theme);
    document.body.dispatchEvent(new CustomEvent("karma:theme"));
  });

  const environment = document.getElementById("environment");
  environment.addEventListener("change", () => {
    const here = environment.dataset.root;
    const page = location.pathname.slice(here.length).split("/")[1] || "graph";
    const kept = page === "graph" ? location.search : "";
    const base = here.slice(0, here.lastIndexOf("/") + 1);
    location.assign(base + encodeURIComponent(environment.value) + "/" + page + kept);
  });

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
  });
  document.addEventListener("input", (event) => {
    if (event.target.id === "at") document.getElementById("at-shown").value = event.target.value;
  });
  document.addEventListener("keydown", (event) => {
    const search = document.getElementById("q");
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key === "/" && search && !typing && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      search.focus();
      search.select();
    }
  });

  document.addEventListener("htmx:configRequest", (event) => {
    event.detail.headers["x-karma-seal"] = document.body.dataset.seal;
  });
  // What the server refuses is shown in place, not swallowed.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.xhr.status >= 400 && event.detail.target.id !== "check") event.detail.shouldSwap = false;
  });

  if (document.querySelector(".who")) {
    const live = document.getElementById("live");
    const source = new EventSource(document.body.dataset.events);
    source.onopen = () => (live.hidden = false);
    source.onerror = () => (live.hidden = true);
    for (const topic of ["graph", "change", "run"]) {
      source.addEventListener(topic, (message) => {
        const detail = JSON.parse(message.data);
        document.body.dispatchEvent(new CustomEvent(`karma:${topic}`, { detail }));
      });
    }
    addEventListener("pagehide", () => source.close());
  }
})();

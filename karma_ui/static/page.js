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
  // An answer that is an error page is no part of this one: what is here stays.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.xhr.status >= 400) event.detail.shouldSwap = false;
    // Nobody's half-written reason is swept away by a refresh.
    const writing = document.activeElement;
    if (writing.matches("input, textarea") && writing.value && event.detail.target.contains(writing)) {
      event.detail.shouldSwap = event.detail.requestConfig.triggeringEvent?.type === "submit";
    }
  });

  if (document.querySelector(".who")) {
    const live = document.getElementById("live");
    const source = new EventSource(document.body.dataset.events);
    const say = (name, detail) => document.body.dispatchEvent(new CustomEvent(name, { detail }));
    // Parts of pages are refreshed at most so often, and always once after the newest event.
    const soon = new Map();
    const later = (topic) => {
      if (soon.has(topic)) return;
      soon.set(topic, setTimeout(() => { soon.delete(topic); say(`karma:${topic}s`); }, 500));
    };
    const topics = ["graph", "change", "run"];
    source.onopen = () => {
      live.hidden = false;
      topics.forEach(later); // what happened before the stream was open
    };
    source.onerror = () => (live.hidden = true);
    for (const topic of topics) {
      source.addEventListener(topic, (message) => {
        say(`karma:${topic}`, JSON.parse(message.data));
        later(topic);
      });
    }
    addEventListener("pagehide", () => source.close());
  }
})();

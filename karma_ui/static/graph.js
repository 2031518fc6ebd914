// Draws scenes. Where things stand was computed by the server; here are only colours, shapes and gestures.
"use strict";
(() => {
  const WIDTH = 156;
  const HEIGHT = 46;
  const MANY = 300; // nodes above which edges are straight and thin: the picture is an overview
  const LIGHT = {
    paper: "#ffffff", text: "#1c2430", line: "#c3ccd8", arrow: "#9aa7b8", accent: "#1f6f5c",
    current: ["#eef8f2", "#2f9e62"], stale: ["#fff6df", "#b97a00"], drifted: ["#f4effd", "#7d55c7"],
    failed: ["#fdecee", "#c8323e"], invalid: ["#fdecee", "#c8323e"], absent: ["#f6f7f9", "#7a8699"],
    external: ["#ebf3fd", "#3273c9"], removed: ["#f6f7f9", "#7a8699"], orphan: ["#fbf1e8", "#9b5f27"],
    create: ["#dff3e7", "#1d8a50"], update: ["#dcebfd", "#2566bd"], replace: ["#ffe9d6", "#bd5a00"],
    destroy: ["#fbdcdf", "#bb2230"], quiet: ["#f6f7f9", "#98a3b3"], deferred: ["#efe7fc", "#7d55c7"],
    running: "#2566bd",
  };
  const DARK = {
    paper: "#12161d", text: "#e5eaf1", line: "#3b4655", arrow: "#6a788a", accent: "#5cc3a5",
    current: ["#16281f", "#43b97a"], stale: ["#2d2412", "#d9a032"], drifted: ["#241d35", "#a585e6"],
    failed: ["#32191d", "#ee6a74"], invalid: ["#32191d", "#ee6a74"], absent: ["#1b212a", "#8895a7"],
    external: ["#16243a", "#6ba3ec"], removed: ["#1b212a", "#8895a7"], orphan: ["#2c2119", "#cc8f54"],
    create: ["#17331f", "#4cc486"], update: ["#172a45", "#6ba3ec"], replace: ["#38230f", "#ec9a4c"],
    destroy: ["#3b191d", "#f07a83"], quiet: ["#1b212a", "#7c899b"], deferred: ["#2a2140", "#b597f0"],
    running: "#6ba3ec",
  };
  const SHAPES = {
    current: "round-rectangle", stale: "cut-rectangle", drifted: "hexagon", failed: "octagon",
    invalid: "rhomboid", absent: "round-rectangle", external: "ellipse", removed: "rectangle",
    orphan: "barrel",
  };
  const ACTIONS = { create: "create", update: "update", replace: "replace", destroy: "destroy",
    reload: "update", deferred: "deferred", pending: "deferred", blocked: "failed" };

  const isDark = () =>
    (document.documentElement.dataset.theme ||
      (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";

  function label(node) {
    if (node.group) return `${node.name}\n${node.count} components`;
    const said = node.action ? ` · ${node.action.replace("_", " ")}${node.unknown ? " ?" : ""}` : "";
    return `${shorten(node.name, 19)}\n${shorten(node.type, Math.max(8, 20 - said.length))}${said}`;
  }

  function shorten(text, length) {
    return text.length > length ? `${text.slice(0, length - 1)}…` : text;
  }

  // Rules for what the scene holds and no more: each rule is tried on each element.
  function styles(colours, scene) {
    const many = scene.nodes.length > MANY;
    const held = (name) => new Set(scene.nodes.map((node) => node[name]).filter(Boolean));
    const [statuses, actions, marks] = [held("status"), held("action"), held("mark")];
    const sheet = [
      { selector: "node", style: {
        width: WIDTH, height: HEIGHT, shape: "round-rectangle", "background-color": colours.paper,
        "border-width": 1.5, "border-color": colours.line, color: colours.text, label: "data(label)",
        "font-size": 14, "font-family": "system-ui, sans-serif", "text-valign": "center",
        "text-halign": "center", "text-wrap": "wrap", "line-height": 1.25, "min-zoomed-font-size": 5,
        "overlay-opacity": 0 } },
      { selector: "edge", style: {
        width: 1.2, "line-color": colours.line, "target-arrow-color": colours.arrow,
        "target-arrow-shape": many ? "none" : "triangle", "arrow-scale": 0.8,
        "curve-style": many ? "haystack" : "unbundled-bezier", "haystack-radius": 0, opacity: many ? 0.45 : 0.9,
        "source-endpoint": `${WIDTH / 2}px 0px`, "target-endpoint": `-${WIDTH / 2}px 0px`,
                "edge-distances": "endpoints", "overlay-opacity": 0 } },
      { selector: "edge[bend]", style: many ? {} : { "control-point-distances": "data(bend)", "control-point-weights": "0.25 0.75" } },
      { selector: "edge[?far]", style: many ? {} : {
        "curve-style": "round-segments", "segment-weights": "data(weights)", "segment-distances": "data(distances)", "segment-radii": 28 } },
      { selector: "node[?group]", style: { height: 50, "border-width": 2, "font-weight": 600,
        "border-style": "double", "border-cap": "round", "border-join": "round" } },
    ];
    for (const status of statuses) {
      const shape = SHAPES[status];
      if (!shape) continue;
      const [fill, line] = colours[status];
      const thick = many ? { "border-width": 6 } : {};
      sheet.push({ selector: `node[status = "${status}"]`, style: { shape, "background-color": fill, "border-color": line, ...thick } });
    }
    if (statuses.has("absent")) sheet.push({ selector: 'node[status = "absent"]', style: { "border-style": "dashed" } });
    if (statuses.has("removed")) sheet.push({ selector: 'node[status = "removed"]', style: { "border-style": "dotted" } });
    if (actions.size) sheet.push({ selector: "node[?planned]", style: { "background-color": colours.quiet[0], "border-color": colours.quiet[1], "border-style": "solid" } });
    for (const [action, colour] of Object.entries(ACTIONS).filter(([name]) => actions.has(name))) {
      const [fill, line] = colours[colour];
      sheet.push({ selector: `node[action = "${action}"]`, style: { "background-color": fill, "border-color": line, "border-width": 2.5 } });
    }
    if (actions.size) sheet.push({ selector: "node[unknown > 0]", style: { "border-style": "dashed" } });
    for (const [mark, colour] of Object.entries({ added: "create", changed: "update", removed: "destroy" })) {
      if (!marks.has(mark)) continue;
      const glow = { "underlay-color": colours[colour][1], "underlay-opacity": 0.3, "underlay-padding": 7, "underlay-shape": "round-rectangle" };
      sheet.push({ selector: `node[mark = "${mark}"]`, style: mark === "removed" ? { ...glow, opacity: 0.75 } : glow });
    }
    sheet.push(
      { selector: "node[?focus]", style: { "border-width": 3.5, "border-color": colours.accent, "font-weight": 700 } },
      { selector: "node[?dim]", style: { opacity: 0.28 } },
      { selector: "edge.near", style: { "line-color": colours.accent, "target-arrow-color": colours.accent, width: 2.2, opacity: 1, "z-index": 9 } },
      { selector: "node.near", style: { "border-width": 2.5 } },
      { selector: "node.running", style: { "border-color": colours.running, "border-width": 4, "border-style": "dashed" } },
      { selector: ":selected", style: { "underlay-color": colours.accent, "underlay-opacity": 0.22, "underlay-padding": 6 } },
    );
    return sheet;
  }

  function elements(scene) {
    const at = new Map();
    const nodes = scene.nodes.map((node) => {
      at.set(node.id, node);
      return { group: "nodes", data: { ...node, label: label(node), planned: Boolean(node.action) }, position: { x: node.x, y: node.y } };
    });
    const edges = scene.edges.map((edge, number) => {
      const from = at.get(edge.target);
      const to = at.get(edge.source);
      const data = { id: `e${number}`, source: edge.target, target: edge.source, consumer: edge.source, producer: edge.target };
      if (edge.way.length) Object.assign(data, along(from, to, edge.way), { far: true });
      else data.bend = bend(from, to);
      return { group: "edges", data };
    });
    return nodes.concat(edges);
  }

  // Leaves and arrives horizontally: both control points stand on the ends' own heights.
  function bend(from, to) {
    const dx = to.x - from.x - WIDTH;
    const dy = to.y - from.y;
    const length = Math.hypot(dx, dy) || 1;
    const distance = (0.25 * dy * dx) / length;
    return `${-distance} ${distance}`;
  }

  // Through the lanes that the server kept free: each point as weight along the straight line and distance from it.
  function along(from, to, way) {
    const x = from.x + WIDTH / 2;
    const [dx, dy] = [to.x - WIDTH / 2 - x, to.y - from.y];
    const square = dx * dx + dy * dy || 1;
    const points = way.flatMap(([px, py]) => [[px - WIDTH / 2, py], [px + WIDTH / 2, py]]);
    const places = points.map(([px, py]) => [px - x, py - from.y]);
    return {
      weights: places.map(([px, py]) => (px * dx + py * dy) / square).join(" "),
      distances: places.map(([px, py]) => (px * -dy + py * dx) / Math.sqrt(square)).join(" "),
    };
  }

  async function draw(stage) {
    const answer = await fetch(stage.dataset.scene, { credentials: "same-origin" });
    if (!answer.ok) return;
    const text = await answer.text();
    const scene = JSON.parse(text);
    const many = scene.nodes.length > MANY;
    const container = stage.querySelector(".canvas");
    const cy = cytoscape({
      container,
      ...sight(scene, container.clientWidth, container.clientHeight),
      elements: elements(scene),
      layout: { name: "preset", fit: false },
      style: styles(isDark() ? DARK : LIGHT, scene),
      minZoom: 0.02, maxZoom: 2.5, boxSelectionEnabled: false, autoungrabify: true,
      textureOnViewport: many, hideEdgesOnViewport: scene.nodes.length > 700, pixelRatio: many ? 1 : "auto",
    });
    stage.karma = { cy, scene, text };
    gestures(stage, cy);
    cy.one("render", () => {
      stage.dataset.drawn = String(scene.nodes.length);
      performance.mark("karma-drawn");
    });
  }

  // The whole picture, but where it would be too small to read, what is in focus. Cytoscape's own `fit` measures
  // every label and edge first, which for 1,000 components takes longer than all the rest.
  function sight(scene, width, height) {
    const xs = scene.nodes.map((node) => node.x);
    const ys = scene.nodes.map((node) => node.y);
    if (!xs.length) return {};
    const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    let zoom = Math.min(width / (right - left + WIDTH + 60), height / (bottom - top + HEIGHT + 60), 1.15);
    let middle = { x: (left + right) / 2, y: (top + bottom) / 2 };
    const focus = scene.nodes.find((node) => node.focus);
    if (zoom < 0.45 && focus) {
      zoom = 0.7;
      middle = focus;
    }
    return { zoom, pan: { x: width / 2 - middle.x * zoom, y: height / 2 - middle.y * zoom } };
  }

  function gestures(stage, cy) {
    const root = stage.dataset.root;
    const panel = document.getElementById("panel");
    const query = new URLSearchParams(stage.dataset.query);
    cy.on("select", "node", (event) => {
      cy.elements().removeClass("near");
      event.target.connectedEdges().addClass("near").connectedNodes().addClass("near");
    });
    cy.on("unselect", () => cy.elements().removeClass("near"));
    if (!panel) {
      cy.on("dbltap", "node", (event) => location.assign(`${root}/graph?focus=${encodeURIComponent(event.target.id())}`));
      return;
    }
    cy.on("tap", "node", (event) => {
      const node = event.target.data();
      if (node.group) return;
      const asked = new URLSearchParams(query);
      asked.set("focus", node.id);
      htmx.ajax("GET", `${root}/graph/node?${asked}`, { target: panel, swap: "innerHTML", select: "unset" });
    });
    cy.on("tap", "edge", (event) => {
      const asked = new URLSearchParams({ source: event.target.data("consumer"), target: event.target.data("producer"), at: query.get("at") || "" });
      htmx.ajax("GET", `${root}/graph/edge?${asked}`, { target: panel, swap: "innerHTML", select: "unset" });
    });
    cy.on("dbltap", "node", (event) => {
      const node = event.target.data();
      const asked = new URLSearchParams(query);
      if (node.group) {
        const folded = cy.nodes("[?group]").map((other) => other.data("type")).filter((type) => type !== node.type);
        asked.set("collapse", folded.length ? folded.join(",") : "none");
      } else {
        asked.set("focus", node.id);
      }
      location.assign(`${root}/graph?${asked}`);
    });
  }

  function stages() {
    return [...document.querySelectorAll(".stage[data-scene]")];
  }

  function start() {
    for (const stage of stages()) if (!stage.karma && !stage.dataset.begun) {
      stage.dataset.begun = "yes";
      draw(stage);
    }
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-do]");
    if (!button) return;
    const stage = button.closest(".stage") || document.querySelector(".stage");
    if (!stage || !stage.karma) return;
    const { cy } = stage.karma;
    const middle = { renderedPosition: { x: cy.width() / 2, y: cy.height() / 2 } };
    if (button.dataset.do === "in") cy.zoom({ level: cy.zoom() * 1.3, ...middle });
    if (button.dataset.do === "out") cy.zoom({ level: cy.zoom() / 1.3, ...middle });
    if (button.dataset.do === "fit") cy.fit(undefined, 30);
    if (button.dataset.do === "png") {
      const link = document.createElement("a");
      const blob = cy.png({ output: "blob", full: true, scale: 2, maxWidth: 8000, maxHeight: 8000, bg: (isDark() ? DARK : LIGHT).paper });
      link.href = URL.createObjectURL(blob);
      link.download = "graph.png";
      link.click();
      URL.revokeObjectURL(link.href);
    }
  });

  document.body.addEventListener("karma:theme", () => {
    for (const { karma } of stages()) if (karma) karma.cy.style(styles(isDark() ? DARK : LIGHT, karma.scene));
  });

  // A run goes on: what is worked on is marked, what is done gets its status with the next build.
  document.body.addEventListener("karma:run", ({ detail }) => {
    for (const { karma } of stages()) if (karma && detail.component) {
      karma.cy.getElementById(detail.component).toggleClass("running", detail.status === "started");
    }
  });
  document.body.addEventListener("karma:graphs", refresh);

  async function refresh() {
    for (const stage of stages()) if (stage.karma) {
      const answer = await fetch(stage.dataset.scene, { credentials: "same-origin" });
      if (!answer.ok) continue;
      const text = await answer.text();
      if (text === stage.karma.text) continue;
      const scene = JSON.parse(text);
      const { cy } = stage.karma;
      cy.batch(() => {
        for (const node of scene.nodes) {
          const drawn = cy.getElementById(node.id);
          if (drawn.nonempty()) drawn.data({ ...node, label: label(node) });
        }
      });
      Object.assign(stage.karma, { scene, text });
      cy.style(styles(isDark() ? DARK : LIGHT, scene));
    }
  }

  document.addEventListener("htmx:load", start);
  start();
})();

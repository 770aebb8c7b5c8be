// What all pages share: navigation, theme, keys, the queue's depth. Then the page's own module begins.
//
// A page's module exports `start(frame)`. `frame.main` is its place, `frame.tools` its part of the bar, `frame.depth` where the depth of
// the queue is told, `frame.facts` what
// the server says of itself, `frame.say(text)` tells something to whoever listens to a screen reader, `frame.problem(error)`
// shows what went wrong.

import { facts, get } from "./api.js";
import { h, icon, show } from "./dom.js";
import { bind, help, listen } from "./keys.js";

const main = document.getElementById("main");
const dark = matchMedia("(prefers-color-scheme: dark)");

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : dark.matches;
}

function drawNavigation() {
  const links = facts.pages.filter((page) => page.nav);
  if (links.length < 2) return;
  const here = (path) => location.pathname === path || (path !== "/" && location.pathname.startsWith(`${path}/`));
  const made = links.map(({ path, nav }) => h("a", { href: path, "aria-current": here(path) && "page" }, nav));
  show(document.getElementById("pages"), made);
}

function drawCorner() {
  const button = h("button", { class: "quiet", onclick: turn });
  function draw() {
    const words = isDark() ? "Light colours" : "Dark colours";
    button.setAttribute("aria-label", words);
    button.title = words;
    show(button, icon(isDark() ? "sun" : "moon"));
  }
  function turn() {
    const theme = isDark() ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    try {
      localStorage.setItem("theme", theme);
    } catch {
      // Not remembered, then.
    }
    draw();
  }
  dark.addEventListener("change", draw);
  draw();
  const keys = h("button", { class: "quiet wide-only", "aria-label": "Keys", title: "Keys (?)", onclick: help }, icon("help"));
  document.getElementById("corner").append(depth, keys, button);
}

const depth = h("span", { class: "depth" });

/** How many messages wait: told in the bar of every page of a server with a queue. */
async function watchDepth() {
  for (;;) {
    try {
      const { counts } = await get("/queue?limit=1");
      const held = counts.held ? `, ${counts.held.toLocaleString("en")} held` : "";
      show(depth, h("a", { href: "/queue", title: `recipients: ${counts.waiting} waiting, ${counts.leased} being tried, ${counts.held} held` }, h("b", {}, counts.messages.toLocaleString("en")), ` queued${held}`));
    } catch {
      show(depth);
    }
    await new Promise((resolve) => setTimeout(resolve, document.hidden ? 30_000 : 3_000));
  }
}

const frame = {
  facts,
  main,
  tools: document.getElementById("tools"),
  depth,
  bind,
  has: (feature) => (facts.features ?? []).includes(feature),
  hasPage: (path) => facts.pages.some((page) => page.path === path),
  say(text) {
    document.getElementById("announcer").textContent = text;
  },
  problem(error) {
    console.error(error);
    document.querySelector(".toast")?.remove();
    const close = h("button", { class: "quiet", "aria-label": "Close", onclick: () => box.remove() }, icon("close"));
    const box = h("div", { class: "toast", role: "alert" }, h("span", {}, error.message || String(error)), close);
    document.body.append(box);
  },
};

listen();
drawNavigation();
drawCorner();
if (frame.has("queue")) watchDepth();
try {
  const { start } = await import(`./${main.dataset.module}`);
  show(main);
  await start(frame);
  main.dataset.ready = "";
} catch (error) {
  frame.problem(error);
}

// The states of a session as a picture. Which states and arrows there are the server says, out of the table of its engine;
// here is only where they stand.

import { s } from "./dom.js";

const PLACES = {
  connected: [76, 66], greeted: [238, 66], ready: [402, 66], mail: [574, 66], recipients: [716, 66], text: [902, 66],
  refused: [76, 196], securing: [238, 196], authenticating: [448, 196], "no recipient": [618, 196], chunks: [800, 196],
  closed: [76, 326], turned: [320, 326], "chunks failed": [716, 326], spent: [902, 326],
};
const HALF = { width: (name) => name.length * 4.1 + 15, height: 17 };

// The way of an arrow and the middle of its words; what is not here goes straight.
const WAYS = {
  "text>ready": ["M902 49 V26 Q902 14 890 14 H420 Q408 14 408 26 V49", 655, 14],
  "ready>greeted": ["M390 49 V42 Q390 30 378 30 H256 Q244 30 244 42 V49", 317, 30],
  "ready>securing": ["M380 83 L284 179", 330, 130],
  "securing>greeted": ["M238 179 V83", 238, 131],
  "ready>authenticating": ["M402 83 L426 179", 410, 148],
  "authenticating>ready": ["M464 179 L424 83", 468, 128],
  "ready>turned": ["M388 83 L326 309", 344, 250],
  "mail>no recipient": ["M582 83 L610 179", 594, 124],
  "no recipient>recipients": ["M640 179 L700 83", 662, 148],
  "recipients>chunks": ["M734 83 L788 179", 768, 128],
  "recipients>chunks failed": ["M716 83 V309", 716, 226],
  "chunks>chunks failed": ["M790 213 L742 309", 790, 268],
  "chunks>ready": ["M800 213 V236 Q800 248 788 248 H543 Q531 248 531 236 V92 Q531 82 519 80 L441 72", 640, 248],
  "chunks failed>ready": ["M655 326 H543 Q531 326 531 314 V92 Q531 82 519 80 L441 72", 600, 326],
  "text>spent": ["M902 83 V309", 902, 200],
};

function straight(start, end) {
  const [x1, y1] = PLACES[start] ?? [490, 196];
  const [x2, y2] = PLACES[end] ?? [490, 196];
  const side = Math.sign(x2 - x1);
  const [from, to] = [x1 + side * HALF.width(start), x2 - side * HALF.width(end)];
  if (y1 === y2) return [`M${from} ${y1} H${to}`, (from + to) / 2 - 3 * side, y1];
  const down = Math.sign(y2 - y1);
  return [`M${x1} ${y1 + down * HALF.height} L${x2} ${y2 - down * HALF.height}`, (x1 + x2) / 2, (y1 + y2) / 2];
}

function words(text, x, y, kind) {
  return s("text", { x, y: y + 3.5, class: kind, "text-anchor": "middle" }, text);
}

/** The picture of `{states, arrows}`. `mark(state, before)` marks where a session stands, and the arrow it has come by. */
export function drawStates({ states, arrows }, { marked = [] } = {}) {
  const head = s("marker", { id: "head", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 9, markerHeight: 9, markerUnits: "userSpaceOnUse", orient: "auto-start-reverse" });
  head.append(s("path", { d: "M0 0.8 L7.4 4 L0 7.2 Z", class: "head" }));
  const lines = new Map();
  const labels = [];
  for (const { start, end, label } of arrows) {
    const name = `${start}>${end}`;
    const [d, x, y] = WAYS[name] ?? straight(start, end);
    const placed = PLACES[start] && PLACES[end] ? "arrow" : "arrow unplaced";
    lines.set(name, s("path", { d, class: placed, "marker-end": "url(#head)" }));
    labels.push(words(label.replace("final reply after ONEX", "after ONEX"), x, y, "why-arrow"));
  }
  const boxes = new Map();
  for (const name of states) {
    const [x, y] = PLACES[name] ?? [490, 370];
    const half = HALF.width(name);
    const box = s("rect", { x: x - half, y: y - HALF.height, width: half * 2, height: HALF.height * 2, rx: 9 });
    const group = s("g", { class: `state${marked.includes(name) ? " marked" : ""}`, "data-state": name }, box, s("text", { x, y: y + 4.5, "text-anchor": "middle" }, name));
    boxes.set(name, group);
  }
  const note = s("text", { x: 76, y: 378, class: "why-arrow", "text-anchor": "start" }, "From anywhere: EHLO and RSET lead to ready, QUIT and 421 to closed.");
  const picture = s("svg", { class: "states", viewBox: "0 0 980 392", role: "img" }, s("defs", {}, head), [...lines.values()], labels, [...boxes.values()], note);
  picture.setAttribute("aria-label", "The states of a session");

  function mark(state, before) {
    for (const [name, group] of boxes) group.classList.toggle("here", name === state);
    for (const [name, line] of lines) line.classList.toggle("taken", name === `${before}>${state}`);
    picture.setAttribute("aria-label", `The states of a session; it is now: ${state}`);
    const around = picture.parentElement; // on a narrow screen the picture is wider than its frame
    around?.scrollTo({ left: ((PLACES[state]?.[0] ?? 0) / 980) * picture.clientWidth - around.clientWidth / 2, behavior: "smooth" });
  }
  return { picture, mark };
}

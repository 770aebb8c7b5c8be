// Plots of numbers over time, drawn here: lines over a grid, a legend with the last values, and what was at a moment.

import { h, s, show } from "./dom.js";
import { time } from "./format.js";

const HEIGHT = 168;
const PLACE = { left: 54, right: 12, top: 10, bottom: 22 };

function steps(most) {
  const rough = most / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough);
  return Array.from({ length: Math.ceil(most / step - 0.001) + 1 }, (_, number) => number * step);
}

/** A figure. `series` is [{name, index, kind}], `index` the place of a number in a point; `write(number)` for people.
 *  `update(points, span)` draws the points of the last `span` seconds. */
export function plot(title, series, write, { least = 1 } = {}) {
  const drawing = h("div", { class: "drawing" });
  const legend = h("div", { class: "legend" });
  const figure = h("figure", { class: "card plot", "aria-label": title }, h("figcaption", {}, h("h2", {}, title), legend), drawing);
  let points = [];
  let whole = 3600;

  function update(newPoints, newSpan) {
    points = newPoints;
    whole = newSpan;
    draw();
  }

  function draw() {
    const width = Math.max(drawing.clientWidth, 240);
    const end = points.length ? points[points.length - 1][0] : Date.now() / 1000;
    const shown = points.filter((point) => point[0] >= end - whole);
    const span = Math.min(whole, Math.max(180, shown.length ? end - shown[0][0] : 0)); // a young server fills its plot, too
    say(shown[shown.length - 1]);
    if (shown.length < 2) {
      show(drawing, h("p", { class: "soft empty" }, "Measuring: the first points are here in some seconds."));
      return;
    }
    const most = Math.max(least, ...shown.flatMap((point) => series.map(({ index }) => point[index] ?? 0)));
    const ticks = steps(most);
    const top = ticks[ticks.length - 1];
    const x = (at) => PLACE.left + ((at - (end - span)) / span) * (width - PLACE.left - PLACE.right);
    const y = (value) => HEIGHT - PLACE.bottom - (value / top) * (HEIGHT - PLACE.top - PLACE.bottom);
    const grid = ticks.map((value) => [s("line", { x1: PLACE.left, x2: width - PLACE.right, y1: y(value), y2: y(value), class: "gridline" }), s("text", { x: PLACE.left - 7, y: y(value) + 3.5, "text-anchor": "end" }, write(value))]);
    const moments = [0, 0.25, 0.5, 0.75, 1].map((share) => end - span + share * span);
    const times = moments.map((at, number) => s("text", { x: x(at), y: HEIGHT - 6, "text-anchor": number === 0 ? "start" : number === 4 ? "end" : "middle" }, span < 900 ? time(at) : time(at).replace(/:\d\d$/, "")));
    const lines = series.map(({ index, kind }) => line(shown, index, kind, x, y, span));
    const cursor = s("line", { class: "cursor", y1: PLACE.top, y2: HEIGHT - PLACE.bottom, visibility: "hidden" });
    const picture = s("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, "aria-hidden": "true" }, grid, times, lines, cursor);
    picture.addEventListener("pointermove", (event) => {
      const at = end - span + ((event.offsetX - PLACE.left) / (width - PLACE.left - PLACE.right)) * span;
      const near = shown.reduce((best, point) => (Math.abs(point[0] - at) < Math.abs(best[0] - at) ? point : best));
      cursor.setAttribute("x1", x(near[0]));
      cursor.setAttribute("x2", x(near[0]));
      cursor.setAttribute("visibility", "visible");
      say(near, true);
    });
    picture.addEventListener("pointerleave", () => {
      cursor.setAttribute("visibility", "hidden");
      say(shown[shown.length - 1]);
    });
    show(drawing, picture);
  }

  function say(point, isAsked = false) {
    const values = series.map(({ name, index, kind }) => h("span", { class: `value ${kind}` }, h("i", { "aria-hidden": "true" }), name, " ", h("b", {}, point && point[index] !== null && point[index] !== undefined ? write(point[index]) : "–")));
    show(legend, isAsked && h("span", { class: "moment" }, time(point[0])), values);
  }

  new ResizeObserver(draw).observe(drawing);
  return { figure, update };
}

// A gap of more than three steps is a gap: nobody measured.
function line(points, index, kind, x, y, span) {
  const step = points.length > 1 ? (points[points.length - 1][0] - points[0][0]) / (points.length - 1) : span;
  let path = "";
  let last = null;
  for (const point of points) {
    const value = point[index];
    if (value === null || value === undefined) {
      last = null;
      continue;
    }
    const go = last === null || point[0] - last > 3 * step ? "M" : "L";
    path += `${go}${x(point[0]).toFixed(1)} ${y(value).toFixed(1)}`;
    last = point[0];
  }
  return s("path", { d: path || "M0 0", class: `series ${kind}` });
}

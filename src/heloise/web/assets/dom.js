// Elements from plain values. Text only ever becomes text: no string is read as markup anywhere.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((each) => each !== null && each !== undefined && each !== false));
  return element;
}

/** An element: h("a", {class: "x", href: "/", onclick: act}, "text", other). What is null or false is left out. */
export function h(name, attributes, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** The same for drawings. */
export function s(name, attributes, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

/** Put these in the place of all there is in `element`. */
export function show(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((each) => each !== null && each !== undefined && each !== false));
  return element;
}

const ICONS = {
  search: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13ZM15.5 15.5 20 20",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M18.7 5.3l-1.4 1.4M6.7 17.3l-1.4 1.4",
  moon: "M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10Z",
  help: "M9.2 9a2.9 2.9 0 1 1 4.3 2.6c-1 .6-1.5 1.2-1.5 2.4M12 17.6v.1M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18Z",
  bolt: "M13 3 5.5 13.5H11L10 21l8-11h-5.5L13 3Z",
  close: "M6 6l12 12M18 6 6 18",
  back: "M15 5l-7 7 7 7",
  copy: "M9 9h10v11H9zM5 15V4h10",
  trash: "M5 7h14M10 7V4.5h4V7M7 7l1 13h8l1-13M10.5 11v5.5M13.5 11v5.5",
  clip: "M8 12.5 14 6.4a3 3 0 0 1 4.3 4.3l-7.9 7.8a4.6 4.6 0 0 1-6.5-6.5L11 5",
  letter: "M3.5 6h17v12.5h-17zM4 6.5l8 6.5 8-6.5",
  out: "M13 5h6v6M19 5l-8.5 8.5M17 14v5H5V7h5",
  check: "M5 12.5l4.5 4.5L19 7.5",
  box: "M4 8h16v11H4zM4 8l2.5-3.5h11L20 8M9.5 12h5",
  down: "M12 4v11M7.5 11 12 15.5 16.5 11M5 20h14",
  send: "M4 11.5 20 4l-5.5 16-3-6.5L4 11.5ZM11.5 13.5 20 4",
};

/** A drawing that goes with words; screen readers do not meet it. */
export function icon(name) {
  const path = s("path", { d: ICONS[name], fill: "none", stroke: "currentColor", "stroke-width": "1.8" });
  path.setAttribute("stroke-linecap", "round");
  path.setAttribute("stroke-linejoin", "round");
  return s("svg", { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" }, path);
}

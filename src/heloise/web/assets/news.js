// What the server measures, as it measures it: told by the server, or asked for where telling does not work.

import { get, url } from "./api.js";

const ASKING = 5000; // milliseconds

// What is drawn anew under a finger would take the click with it.
let pressed = false;
addEventListener("pointerdown", () => (pressed = true), true);
for (const name of ["pointerup", "pointercancel"]) addEventListener(name, () => setTimeout(() => (pressed = false), 200), true);

/** Calls `hear(point)` with each new point, for as long as the page is there, but never while something is pressed. */
export function follow(hear) {
  const heard = (point) => (pressed ? setTimeout(() => heard(point), 300) : hear(point));
  let source = new EventSource(url("/events"));
  let failures = 0;
  source.onmessage = (event) => {
    failures = 0;
    const { point } = JSON.parse(event.data);
    if (point) heard(point);
  };
  source.onerror = () => {
    failures += 1;
    if (failures < 3 && source.readyState !== EventSource.CLOSED) return; // it tries again by itself
    source.close();
    if (source) ask(heard);
    source = null;
  };
}

async function ask(heard) {
  let last = Date.now() / 1000 - 2 * ASKING / 1000;
  for (;;) {
    try {
      const { points } = await get(`/history?after=${last}`);
      for (const point of points) {
        last = point[0];
        heard(point);
      }
    } catch {
      // The next time, perhaps.
    }
    await new Promise((resolve) => setTimeout(resolve, ASKING));
  }
}

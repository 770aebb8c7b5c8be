// A sheet of looks that only some pages need.

import { h } from "./dom.js";

/** Put it on, once; resolves when it holds, so that nothing is seen without it. */
export function wear(name) {
  const href = `/assets/${name}`;
  if (document.querySelector(`link[href="${href}"]`)) return Promise.resolve();
  return new Promise((resolve) => {
    document.head.append(h("link", { rel: "stylesheet", href, onload: resolve, onerror: resolve }));
  });
}

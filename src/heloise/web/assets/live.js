// News of the server as it comes: server-sent events, and asking once a second where these do not get through.
//
// A browser has few connections to one server, so a page that is not seen gives its own back.

import { get, url } from "./api.js";

const AGAIN = 10_000; // ms until events are tried again after they failed

/** Call `told(state)` now and at each change; `how("live" | "polling" | "away")` says by which way. */
export function live(told, how) {
  let source = null;
  let timer = null;
  let failures = 0;

  function listen() {
    if (source) return;
    source = new EventSource(url("/events"));
    source.onmessage = (event) => {
      failures = 0;
      stopPolling();
      how("live");
      told(JSON.parse(event.data));
    };
    source.onerror = () => {
      failures += 1;
      if (failures < 2 && source.readyState !== EventSource.CLOSED) return; // it connects again by itself
      leave();
      poll();
      setTimeout(() => document.hidden || listen(), AGAIN);
    };
  }

  function leave() {
    source?.close();
    source = null;
  }

  async function poll() {
    stopPolling();
    try {
      told(await get("/state"));
      how("polling");
    } catch {
      how("away");
    }
    if (!document.hidden) timer = setTimeout(poll, 1000);
  }

  function stopPolling() {
    clearTimeout(timer);
    timer = null;
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      leave();
      stopPolling();
    } else {
      failures = 0;
      listen();
    }
  });
  addEventListener("pagehide", leave);
  listen();
}

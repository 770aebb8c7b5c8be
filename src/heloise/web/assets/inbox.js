// The first page of a development server: its sessions.

import { get } from "./api.js";
import { dialogue } from "./dialogue.js";
import { h, show } from "./dom.js";

export async function start(frame) {
  const { sessions } = await get("/sessions");
  const made = [];
  for (const { id } of sessions.slice(0, 20)) {
    const session = await get(`/sessions/${id}`);
    made.push(h("section", { class: "card" }, h("div", { class: "inside" }, dialogue(session.transcript, session))));
  }
  show(frame.main, h("div", { class: "column" }, h("h1", {}, "Sessions"), made));
}

// The API of the server that this page came from.

/** What the server says of itself: `server`, `version`, `api`, `features`, `pages`. */
export const facts = JSON.parse(document.querySelector("meta[name=heloise]").content);
const BASE = facts.api;

/** What the server said no to: `status`, and words for people. */
export class Problem extends Error {
  constructor(status, detail, more = {}) {
    super(detail);
    this.status = status;
    this.more = more;
  }
}

async function ask(method, path, body, signal) {
  const isFile = body instanceof Blob;
  const headers = method === "GET" ? {} : isFile ? { "X-Heloise": "page" } : { "Content-Type": "application/json" };
  let answer;
  try {
    answer = await fetch(BASE + path, { method, headers, signal, body: isFile || body === undefined ? body : JSON.stringify(body) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "The server does not answer. Is it still running?");
  }
  if (answer.status === 401 && facts.login && location.pathname !== facts.login) location.href = `${facts.login}?next=${encodeURIComponent(location.pathname)}`;
  const kind = answer.headers.get("Content-Type") ?? "";
  const told = kind.includes("json") ? await answer.json() : await answer.text();
  if (!answer.ok) throw new Problem(answer.status, told.detail ?? `The server said ${answer.status}.`, told);
  return told;
}

/** Ask for something: JSON as values, anything else as text. Raises Problem. */
export const get = (path, signal) => ask("GET", path, undefined, signal);
/** Change something; the body is a value, or a file. Raises Problem. */
export const post = (path, body = {}) => ask("POST", path, body);
/** Forget something. Raises Problem. */
export const remove = (path, body) => ask("DELETE", path, body);
/** The address of something, for a link. */
export const url = (path) => BASE + path;

/** A query of names to values; what is empty is left out. */
export function query(values) {
  const made = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined && value !== null && value !== "") made.set(name, value);
  }
  const text = made.toString();
  return text ? `?${text}` : "";
}

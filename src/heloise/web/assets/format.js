// Times, sizes and counts as people read them.

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

/** A time (seconds since the epoch) of today as 14:03:09, of another day with the day. */
export function time(seconds) {
  const date = new Date(seconds * 1000);
  const today = date.toDateString() === new Date().toDateString();
  return today ? clock.format(date) : `${day.format(date)}, ${clock.format(date)}`;
}

/** A time with everything, for a title. */
export const wholeTime = (seconds) => whole.format(new Date(seconds * 1000));

/** How long: 0.4 s, 12 s, 3 min, 2 h, 4 d. */
export function duration(seconds) {
  if (seconds < 10) return `${Math.max(0, Math.round(seconds * 10) / 10)} s`;
  if (seconds < 100) return `${Math.round(seconds)} s`;
  if (seconds < 6000) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/** Octets: 980 B, 14 KB, 2.3 MB. */
export function size(octets) {
  if (octets < 1000) return `${octets} B`;
  const units = ["KB", "MB", "GB", "TB"];
  let value = octets;
  let unit = -1;
  do {
    value /= 1024;
    unit += 1;
  } while (value >= 999.5 && unit < units.length - 1);
  return `${value < 9.95 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** 1,234 */
export const count = (number) => number.toLocaleString("en");

/** 1 message, 2 messages */
export const plural = (number, noun) => `${count(number)} ${noun}${number === 1 ? "" : "s"}`;

/** The class of a state by the first digit of a reply code. */
export function kindOf(code) {
  const first = Math.floor(code / 100);
  return first === 4 ? "later" : first >= 5 ? "no" : first === 3 ? "middle" : "yes";
}

/**
 * Reading and writing positions. The search on the server reads coordinates too; this parser answers when the server is
 * away, and it is what the copy buttons write, so that a copied position can be pasted into the search box.
 */

/** @typedef {{lon: number, lat: number}} Position */

/** @param {Position} position @returns {string} `120.145000, 30.272500` */
export const formatPosition = ({ lon, lat }) => `${lon.toFixed(6)}, ${lat.toFixed(6)}`;

const HEMISPHERE = /** @type {const} */ ({
  N: ["lat", 1], S: ["lat", -1], E: ["lon", 1], W: ["lon", -1],
  北: ["lat", 1], 南: ["lat", -1], 东: ["lon", 1], 西: ["lon", -1],
});

/** One number: `30.27`, `30°16′21″`, `30度16分21秒`; a letter or word of the hemisphere before or after. */
const NUMBER = String.raw`([NSEW北南东西])?(?:纬|经)?\s*([+-]?\d+(?:\.\d+)?)\s*(?:[°度]\s*(?:(\d+(?:\.\d+)?)\s*[′'分]\s*)?(?:(\d+(?:\.\d+)?)\s*(?:[″"秒]|'')\s*)?)?([NSEW北南东西])?`;
const PAIR = new RegExp(String.raw`^\s*${NUMBER}\s*(?:[,，;；、/]|\s)\s*${NUMBER}\s*$`, "i");

/** @param {(string|undefined)[]} parts @returns {{value: number, axis: "lat"|"lon"|null}|null} */
function readOne([before, degrees, minutes, seconds, after]) {
  if (before && after) return null;
  const m = Number(minutes ?? 0);
  const s = Number(seconds ?? 0);
  if (m >= 60 || s >= 60) return null;
  const size = Math.abs(Number(degrees)) + m / 60 + s / 3600;
  const letter = (before ?? after)?.toUpperCase();
  const hemisphere = letter ? HEMISPHERE[/** @type {keyof typeof HEMISPHERE} */ (letter)] : null;
  const sign = (degrees ?? "").startsWith("-") ? -1 : hemisphere ? hemisphere[1] : 1;
  return { value: sign * size, axis: hemisphere ? hemisphere[0] : null };
}

/**
 * Reads a longitude and a latitude; without letters the order is longitude first, unless only the other order is possible.
 * @param {string} text
 * @returns {Position|null}
 */
export function parsePosition(text) {
  const found = PAIR.exec(text.replace(/[（）()]/g, " ").trim());
  if (!found) return null;
  const first = readOne(found.slice(1, 6));
  const second = readOne(found.slice(6, 11));
  if (!first || !second || (first.axis && first.axis === second.axis)) return null;
  const latitudeFirst = first.axis === "lat" || second.axis === "lon" || (!first.axis && Math.abs(second.value) > 90);
  const [lon, lat] = latitudeFirst ? [second.value, first.value] : [first.value, second.value];
  return Math.abs(lon) <= 180 && Math.abs(lat) <= 90 ? { lon, lat } : null;
}

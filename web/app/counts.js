/** Counts by legend value, read for open legends and wherever values are off; what is shown of a layer follows from them. */
import * as api from "./api.js";
import { formatCount, formatNumber } from "./format.js";
import { lang } from "./i18n.js";
import { resource } from "./resource.js";
import { hide } from "./state.js";
import { hiddenValues, shownValues } from "./legend.js";

/** @typedef {import("./state.js").LayerInfo} LayerInfo */
/** @typedef {Map<string|null, number>} ByValue */
/** @typedef {{all: ByValue, placed: ByValue}} Counts */

/** @type {import("./api.js").Bbox} */
const WORLD = [-180, -90, 180, 90];

/** @type {Map<string, ReturnType<typeof counting>>} */
const readings = new Map();
/** Of which city and reading of the registry they are. @type {Map<string, string>} */
const countedFor = new Map();

/** @param {any} answer @returns {ByValue} */
const byValue = (answer) => new Map(answer.items.map((/** @type {{key: string|null, count: number}} */ item) => [item.key, item.count]));

const counting = (/** @type {string} */ layer, /** @type {string} */ by) => resource(
  async (abort, /** @type {string} */ city, /** @type {boolean} */ unplaced) => {
    const everywhere = api.readStatistics({ layer, by, city }, abort);
    const placed = unplaced ? api.readStatistics({ layer, by, city, bbox: WORLD }, abort) : everywhere;
    return { all: byValue(await everywhere), placed: byValue(await placed) };
  },
);

/** @param {LayerInfo} layer */
export function countsOf(layer) {
  if (!layer.style_by) return null;
  if (!readings.has(layer.id)) readings.set(layer.id, counting(layer.id, layer.style_by));
  return readings.get(layer.id) ?? null;
}

/** Reads the counts of a layer unless they are of this city and moment. @param {LayerInfo} layer @param {string} city @param {number} read when the registry was read */
export function readCounts(layer, city, read) {
  const reading = countsOf(layer);
  const key = `${city}/${read}`;
  const before = countedFor.get(layer.id);
  if (!reading || before === key) return;
  if (before && !before.startsWith(`${city}/`)) reading.clear();
  countedFor.set(layer.id, key);
  void reading.load(city, layer.unplaced > 0);
}

/** True where values are off and there is something to leave out. @param {LayerInfo} layer */
export const isFiltered = (layer) => layer.count > 0 && hiddenValues(layer, hide.value).length > 0;

/** @param {LayerInfo} layer @param {(counts: Counts, value: string) => number} count @param {number} whole */
function shown(layer, count, whole) {
  const on = shownValues(layer, hide.value);
  if (on === null) return whole;
  if (!on.length || !layer.count) return 0;
  const counts = countsOf(layer)?.state.value.data;
  return counts ? on.reduce((sum, value) => sum + count(counts, value), 0) : null;
}

/** How many of a layer are shown; null until it is known. @param {LayerInfo} layer @returns {number|null} */
export const shownCount = (layer) => shown(layer, ({ all }, value) => all.get(value) ?? 0, layer.count);

/** How many of these have no place. @param {LayerInfo} layer @returns {number|null} */
export const shownUnplaced = (layer) => shown(layer, ({ all, placed }, value) => (all.get(value) ?? 0) - (placed.get(value) ?? 0), layer.unplaced);

/** A number that may not be there yet. @param {LayerInfo} layer @param {number|null|undefined} value */
export const countOr = (layer, value) =>
  (value !== null && value !== undefined ? formatNumber(value, 0) : countsOf(layer)?.state.value.status === "failed" ? "—" : "…");

/** `54 / 30,000`, or the total alone while all is on. @param {LayerInfo} layer */
export const countText = (layer) => (isFiltered(layer) ? `${countOr(layer, shownCount(layer))} / ` : "") + formatCount(layer.count, layer.exact, lang.value);

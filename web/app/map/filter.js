/** Style layers that leave out what the legend has switched off: single objects by a filter, cells by other sums. Pure. */
import { cellsFollow } from "../legend.js";
import { isCells } from "./parts.js";

/**
 * @typedef {object} Filter
 * @property {string} by         field of the legend
 * @property {string[]} values   that are on
 * @property {boolean} cells     false where cells count another field: they stay as they are
 * @property {string|null} colour  of cells, where they hold one value only
 */

/**
 * @param {Omit<import("../legend.js").Drawn, "legend"> & {legend: {value: string|null, colour: string, colour_dark: string}[]}} layer
 * @param {string[]} values that are on
 * @param {boolean} dark
 * @returns {Filter}
 */
export function filterOf(layer, values, dark) {
  const entry = values.length === 1 ? layer.legend.find((candidate) => candidate.value === values[0]) : undefined;
  return { by: layer.style_by ?? "", values, cells: cellsFollow(layer), colour: entry ? (dark ? entry.colour_dark : entry.colour) : null };
}

/** How many of a cell are shown. @param {string[]} values @returns {any} */
export const sumOf = (values) => ["+", 0, ...values.map((value) => ["coalesce", ["get", `count_${value}`], 0])];

/** An expression with the whole count replaced. @param {any} expression @param {any} sum @returns {any} */
export function counting(expression, sum) {
  if (!Array.isArray(expression)) return expression;
  if (expression.length === 2 && expression[0] === "get" && expression[1] === "count") return sum;
  return expression.map((part) => counting(part, sum));
}

/** @param {Record<string, any>} properties @param {any} sum */
const countingAll = (properties, sum) => Object.fromEntries(Object.entries(properties ?? {}).map(([name, value]) => [name, counting(value, sum)]));

/** @param {any} own filter of the style, if any @param {any} mine */
const both = (own, mine) => (own === undefined ? mine : ["all", own, mine]);

/** @param {any} layer of the style as the server gave it @param {Filter|undefined} filter none while all is on @returns {any} */
export function filtered(layer, filter) {
  if (!filter) return layer;
  if (!isCells(layer)) return { ...layer, filter: both(layer.filter, ["in", ["get", filter.by], ["literal", filter.values]]) };
  if (!filter.cells) return layer;
  const sum = sumOf(filter.values);
  const paint = { ...countingAll(layer.paint, sum), ...(filter.colour && layer.type === "circle" ? { "circle-color": filter.colour } : {}) };
  return { ...layer, filter: both(layer.filter && counting(layer.filter, sum), [">", sum, 0]), paint, layout: countingAll(layer.layout, sum) };
}

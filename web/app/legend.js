/**
 * Which values of a legend are on. A value that is off is off everywhere: on the map, in its cells, in the list, in the
 * counts, on the card, in the picture. Features whose value is none of the legend follow: they show only while all is on.
 * Pure, tested without a browser.
 */

/**
 * @typedef {{id: string, style_by: string|null, aggregate_by: string|null, hidden: string[], legend: {value: string|null}[]}} Drawn
 * @typedef {Record<string, string[]>} Hidden  layer -> values that are off, of the layers that differ from their start
 */

/** Values that can be switched: a legend of one entry is switched by its layer. @param {Drawn} layer @returns {string[]} */
export function valuesOf(layer) {
  const values = layer.style_by ? layer.legend.flatMap((entry) => (entry.value === null ? [] : [entry.value])) : [];
  return values.length > 1 ? values : [];
}

/** What is off, in the order of the legend; a value that the legend does not know counts for nothing. @param {Drawn} layer @param {Hidden} hide */
export function hiddenValues(layer, hide) {
  const off = new Set(hide[layer.id] ?? layer.hidden);
  return valuesOf(layer).filter((value) => off.has(value));
}

/** What is on; null where nothing is off. @param {Drawn} layer @param {Hidden} hide @returns {string[]|null} */
export function shownValues(layer, hide) {
  const off = new Set(hiddenValues(layer, hide));
  return off.size ? valuesOf(layer).filter((value) => !off.has(value)) : null;
}

/** The same with other values off in one layer; what is as at its start is not kept. @param {Drawn} layer @param {Hidden} hide @param {string[]} off @returns {Hidden} */
export function withHidden(layer, hide, off) {
  const { [layer.id]: _, ...others } = hide;
  const next = hiddenValues(layer, { [layer.id]: off });
  const start = hiddenValues(layer, {});
  return next.join("\n") === start.join("\n") ? others : { ...others, [layer.id]: next };
}

/** One value off or on. @param {Drawn} layer @param {Hidden} hide @param {string} value @returns {Hidden} */
export function toggled(layer, hide, value) {
  const off = hiddenValues(layer, hide);
  return withHidden(layer, hide, off.includes(value) ? off.filter((other) => other !== value) : [...off, value]);
}

/** True where this value alone is on. @param {Drawn} layer @param {Hidden} hide @param {string} value */
export function isOnly(layer, hide, value) {
  const on = shownValues(layer, hide);
  return on?.length === 1 && on[0] === value;
}

/** This value alone; asked again, all. @param {Drawn} layer @param {Hidden} hide @param {string} value @returns {Hidden} */
export const alone = (layer, hide, value) =>
  withHidden(layer, hide, isOnly(layer, hide, value) ? [] : valuesOf(layer).filter((other) => other !== value));

/** True for a feature that is shown. @param {Drawn} layer @param {Hidden} hide @param {Record<string, unknown>} properties */
export function passes(layer, hide, properties) {
  const on = shownValues(layer, hide);
  return on === null || on.includes(String(properties[layer.style_by ?? ""]));
}

/** True where the cells carry numbers by the values of the legend. @param {Drawn} layer */
export const cellsFollow = (layer) => layer.aggregate_by !== null && layer.aggregate_by === layer.style_by;

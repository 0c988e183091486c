/**
 * The style of the server made ready for this screen: what is on, how strong, absolute addresses, and our own layers
 * (selection, found place) on top. Pure, tested without a browser.
 */

import { filtered } from "./filter.js";
import { layerOf } from "./parts.js";

/**
 * @typedef {{on: Set<string>|null, opacity: Record<string, number>, filters: Map<string, import("./filter.js").Filter>}} Switches
 * @typedef {Switches & {origin: string, selection: object, place: object, dark: boolean}} Wanted
 */

export const SELECTION = "wanmi-selection";
export const PLACE = "wanmi-place";

/** Paint properties that make a layer fainter, by type. @type {Record<string, string[]>} */
const OPACITIES = {
  background: ["background-opacity"], fill: ["fill-opacity"], line: ["line-opacity"], symbol: ["text-opacity", "icon-opacity"],
  circle: ["circle-opacity", "circle-stroke-opacity"], "fill-extrusion": ["fill-extrusion-opacity"], raster: ["raster-opacity"],
  heatmap: ["heatmap-opacity"],
};

/**
 * An opacity times a factor. A zoom curve must stay the outermost expression, so the factor goes to its outputs.
 * @param {any} value number, expression or undefined (= 1)
 * @param {number} factor
 * @returns {any}
 */
export function scaled(value, factor) {
  if (value === undefined) return factor;
  if (typeof value === "number") return value * factor;
  if (!Array.isArray(value)) {
    return value.stops ? { ...value, stops: value.stops.map((/** @type {any[]} */ [at, output]) => [at, scaled(output, factor)]) } : value;
  }
  const first = { interpolate: 4, "interpolate-hcl": 4, "interpolate-lab": 4, step: 2 }[/** @type {string} */ (value[0])];
  if (first === undefined) return ["*", factor, value];
  return value.map((part, index) => (index >= first && (index - first) % 2 === 0 ? scaled(part, factor) : part));
}

/** The paint of a style layer at a strength in percent. @param {any} layer as the server gave it @param {number} percent */
export function paintAt(layer, percent) {
  const names = OPACITIES[layer.type] ?? [];
  return Object.fromEntries(names.map((name) => [name, percent === 100 ? layer.paint?.[name] : scaled(layer.paint?.[name], percent / 100)]));
}

/** Layers that show the selected object: a dark line under a bright one reads on every ground. @param {boolean} dark */
function selectionLayers(dark) {
  const under = dark ? "#05080c" : "#1a2330";
  const over = "#ffd60a";
  const round = { "line-cap": "round", "line-join": "round" };
  return [
    { id: `${SELECTION}/fill`, type: "fill", source: SELECTION, filter: ["==", ["geometry-type"], "Polygon"], paint: { "fill-color": over, "fill-opacity": 0.16 } },
    { id: `${SELECTION}/under`, type: "line", source: SELECTION, layout: round, paint: { "line-color": under, "line-width": 6, "line-opacity": 0.9 } },
    { id: `${SELECTION}/over`, type: "line", source: SELECTION, layout: round, paint: { "line-color": over, "line-width": 3 } },
    {
      id: `${SELECTION}/ring-under`, type: "circle", source: SELECTION, filter: ["==", ["geometry-type"], "Point"],
      paint: { "circle-radius": 13, "circle-color": over, "circle-opacity": 0.15, "circle-stroke-color": under, "circle-stroke-width": 5 },
    },
    {
      id: `${SELECTION}/ring-over`, type: "circle", source: SELECTION, filter: ["==", ["geometry-type"], "Point"],
      paint: { "circle-radius": 14, "circle-opacity": 0, "circle-stroke-color": over, "circle-stroke-width": 2.5 },
    },
    {
      id: `${PLACE}/dot`, type: "circle", source: PLACE,
      paint: { "circle-radius": 6, "circle-color": "#d7191c", "circle-stroke-color": "#ffffff", "circle-stroke-width": 3 },
    },
  ];
}

/** A style layer as it is drawn now: on or off, without what the legend hides, at its strength. @param {any} layer as the server gave it @param {Switches} switches @returns {any} */
export function drawnAs(layer, { on, opacity, filters }) {
  const id = layerOf(layer);
  if (!id) return layer;
  const visibility = on ? (on.has(id) ? "visible" : "none") : layer.layout?.visibility ?? "visible";
  const kept = filtered(layer, filters.get(id));
  const paint = { ...kept.paint, ...(opacity[id] === undefined ? {} : paintAt(layer, opacity[id])) };
  return { ...kept, layout: { ...kept.layout, visibility }, paint };
}

/** @param {string} address @param {string} origin */
export const absolute = (address, origin) => (address.startsWith("/") ? origin + address : address);

/**
 * @param {any} style as the server gave it
 * @param {Wanted} wanted
 * @returns {any} a new style
 */
export function prepareStyle(style, { origin, selection, place, dark, ...switches }) {
  const sources = Object.fromEntries(Object.entries(style.sources).map(([id, source]) => [id, {
    ...source,
    ...(source.tiles ? { tiles: source.tiles.map((/** @type {string} */ address) => absolute(address, origin)) } : {}),
    ...(typeof source.url === "string" ? { url: absolute(source.url, origin) } : {}),
  }]));
  const layers = style.layers.map((/** @type {any} */ layer) => drawnAs(layer, switches));
  sources[SELECTION] = { type: "geojson", data: selection };
  sources[PLACE] = { type: "geojson", data: place };
  return { ...style, sources, layers: [...layers, ...selectionLayers(dark)] };
}

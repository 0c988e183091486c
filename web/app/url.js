/**
 * The state of the screen in the fragment of the address, readable and short:
 * `#city=sample&at=14.25/30.27250/120.14500&on=case,component&hide=case:closed~feedback&sel=component:12&list=case@view&theme=dark&lang=en`.
 */

/**
 * @typedef {{lon: number, lat: number, zoom: number, bearing: number, pitch: number}} View
 * @typedef {{layer: string, id: number}} Selection
 * @typedef {{layer: string, scope: "view"|"city"}} ListState
 * @typedef {object} UrlState
 * @property {string|null} city
 * @property {View|null} view
 * @property {string[]|null} on          layers switched on; null = as the layer files say
 * @property {Record<string, string[]>} hide  layer -> legend values that are off, only where that differs from the layer files
 * @property {Record<string, number>} opacity  layer -> percent, only what differs from 100
 * @property {Selection|null} selection
 * @property {ListState|null} list
 * @property {boolean} panel             the layer panel is open
 * @property {"light"|"dark"|null} theme
 * @property {"zh"|"en"|null} lang
 * @property {"line"|"area"|null} measure
 * @property {"city"|"cities"|null} page   the city page, or the cities side by side, over the map
 */

/** @returns {UrlState} */
export const emptyState = () => ({
  city: null, view: null, on: null, hide: {}, opacity: {}, selection: null, list: null, panel: true, theme: null, lang: null, measure: null, page: null,
});

/**
 * Slash, colon, comma and the at sign stay readable: they are allowed in a fragment.
 * @param {string} text
 */
const escape = (text) => encodeURIComponent(text).replace(/%(2F|3A|2C|40)/g, (found) => decodeURIComponent(found));

/** @param {number} value @param {number} digits */
const fixed = (value, digits) => String(Number(value.toFixed(digits)));

/** Six digits are 0.1 m. @param {View} view */
export function encodeView(view) {
  const parts = [fixed(view.zoom, 2), view.lat.toFixed(5), view.lon.toFixed(5)];
  if (Math.round(view.bearing) || Math.round(view.pitch)) parts.push(fixed(view.bearing, 0), fixed(view.pitch, 0));
  return parts.join("/");
}

/** @param {string} text @returns {View|null} */
export function decodeView(text) {
  const numbers = text.split("/").map(Number);
  const [zoom, lat, lon, bearing = 0, pitch = 0] = numbers;
  if (numbers.length < 3 || numbers.length > 5 || numbers.some((value) => !Number.isFinite(value))) return null;
  if (zoom < 0 || zoom > 24 || Math.abs(lat) > 85.06 || Math.abs(lon) > 180 || Math.abs(bearing) > 360 || pitch < 0 || pitch > 85) return null;
  return { lon, lat, zoom, bearing, pitch };
}

/** Layer ids as the registry allows them. */
const NAME = /^[a-z][a-z0-9_]{0,47}$/;

/** Signs with a meaning of their own in a list of values; inside a value they are written as in `%7E`. */
const SIGNS = /[%,:~]/g;
const hex = (/** @type {string} */ sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`;

/** `case:closed~feedback,tree:`; a layer without values has all of them on, against its file. @param {Record<string, string[]>} hide */
export const encodeHide = (hide) => Object.entries(hide).sort(([a], [b]) => (a < b ? -1 : 1))
  .map(([layer, values]) => `${layer}:${values.map((value) => value.replace(SIGNS, hex)).join("~")}`).join(",");

/** @param {string} text @returns {Record<string, string[]>} */
export function decodeHide(text) {
  const whole = (/** @type {string} */ value) => value.replace(/%(25|2C|3A|7E)/gi, (_, code) => String.fromCharCode(parseInt(code, 16)));
  return Object.fromEntries(text.split(",").map((part) => part.split(":"))
    .filter(([layer, values, ...more]) => NAME.test(layer) && values !== undefined && !more.length)
    .map(([layer, values]) => [layer, [...new Set(values.split("~").filter(Boolean).map(whole))]]));
}

/** @param {UrlState} state @returns {string} fragment with the leading # */
export function encode(state) {
  /** @type {string[]} */
  const parts = [];
  const add = (/** @type {string} */ key, /** @type {string} */ value) => parts.push(`${key}=${escape(value)}`);
  if (state.city) add("city", state.city);
  if (state.view) add("at", encodeView(state.view));
  if (state.on) add("on", [...state.on].sort().join(","));
  if (Object.keys(state.hide).length) add("hide", encodeHide(state.hide));
  const faded = Object.entries(state.opacity).filter(([, percent]) => percent !== 100).sort(([a], [b]) => (a < b ? -1 : 1));
  if (faded.length) add("opacity", faded.map(([layer, percent]) => `${layer}:${percent}`).join(","));
  if (state.selection) add("sel", `${state.selection.layer}:${state.selection.id}`);
  if (state.list) add("list", `${state.list.layer}@${state.list.scope}`);
  if (!state.panel) add("panel", "0");
  if (state.theme) add("theme", state.theme);
  if (state.lang) add("lang", state.lang);
  if (state.measure) add("measure", state.measure);
  if (state.page) add("page", state.page);
  return `#${parts.join("&")}`;
}

/** @param {string} text @returns {Record<string, number>} */
function decodeOpacity(text) {
  const pairs = text.split(",").map((part) => part.split(":"));
  return Object.fromEntries(pairs
    .map(([layer, percent]) => /** @type {[string, number]} */ ([layer, Math.round(Number(percent))]))
    .filter(([layer, percent]) => NAME.test(layer) && percent >= 0 && percent < 100));
}

/** Reads a fragment; whatever is malformed is left out, never an error. @param {string} hash @returns {UrlState} */
export function decode(hash) {
  const state = emptyState();
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  const text = (/** @type {string} */ key) => given.get(key) ?? "";
  if (/^[\w.-]{1,64}$/.test(text("city"))) state.city = text("city");
  if (given.has("at")) state.view = decodeView(text("at"));
  if (given.has("on")) state.on = text("on").split(",").filter((name) => NAME.test(name)).sort();
  if (given.has("hide")) state.hide = decodeHide(text("hide"));
  if (given.has("opacity")) state.opacity = decodeOpacity(text("opacity"));
  const selected = /^([a-z][a-z0-9_]*):([1-9]\d{0,15})$/.exec(text("sel"));
  if (selected) state.selection = { layer: selected[1], id: Number(selected[2]) };
  const list = /^([a-z][a-z0-9_]*)@(view|city)$/.exec(text("list"));
  if (list) state.list = { layer: list[1], scope: /** @type {"view"|"city"} */ (list[2]) };
  state.panel = text("panel") !== "0";
  if (text("theme") === "light" || text("theme") === "dark") state.theme = /** @type {"light"|"dark"} */ (text("theme"));
  if (text("lang") === "zh" || text("lang") === "en") state.lang = /** @type {"zh"|"en"} */ (text("lang"));
  if (text("measure") === "line" || text("measure") === "area") state.measure = /** @type {"line"|"area"} */ (text("measure"));
  if (text("page") === "city" || text("page") === "cities") state.page = /** @type {"city"|"cities"} */ (text("page"));
  return state;
}

/** True when two states differ in nothing but the view: such a step is no entry of its own in the history. @param {string} a @param {string} b */
export function sameButView(a, b) {
  const bare = (/** @type {string} */ hash) => encode({ ...decode(hash), view: null });
  return bare(a) === bare(b);
}

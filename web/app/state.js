/** The state of the one-map: signals, and what follows from them. */
import { batch, computed, effect, signal } from "@preact/signals";
import * as api from "./api.js";
import { lang, t, titled } from "./i18n.js";
import { recallLook, showLook, theme } from "./look.js";
import { alone, toggled, withHidden } from "./legend.js";
import { resource } from "./resource.js";
import { decode, encode, sameButView } from "./url.js";

export { theme };

/**
 * @typedef {import("./format.js").Title} Title
 * @typedef {{value: string|null, zh: string, en: string, colour: string, colour_dark: string, symbol: "point"|"line"|"polygon"}} LegendEntry
 * @typedef {object} LayerInfo
 * @property {string[]} may actions that are allowed somewhere on the layer: export, edit, propose, unmask
 * @property {string} id
 * @property {string|null} role
 * @property {Title} title
 * @property {Title|null} description
 * @property {string} group
 * @property {string[]} geometry
 * @property {boolean} points
 * @property {string|null} standard
 * @property {string} name
 * @property {string|null} code
 * @property {boolean} visible
 * @property {boolean} basemap
 * @property {number} minzoom
 * @property {number} detail_zoom
 * @property {string|null} aggregate_by
 * @property {string|null} style_by
 * @property {string[]} hidden  legend values that are off at first
 * @property {import("./format.js").Field[]} fields
 * @property {Record<string, import("./format.js").DomainValue[]>} domains
 * @property {LegendEntry[]} legend
 * @property {number} count
 * @property {boolean} exact  false = the count is an estimate
 * @property {number} unplaced
 * @property {[number, number, number, number]|null} bbox
 * @typedef {{key: string, title: Title, prefix: string, profile: string, profile_title: Title, bbox: [number, number, number, number], metric_srid: number,
 *   metric_title: Title, datum: string, calendar: string, view: {lon: number, lat: number, zoom: number}, notice: Title|null, map_number: string|null}} City
 * @typedef {{id: number, layer: string, geometry: any, properties: Record<string, unknown>}} Feature
 */

export const cityKey = signal(/** @type {string|null} */ (null));
export const view = signal(/** @type {import("./url.js").View|null} */ (null));
export const on = signal(/** @type {string[]|null} */ (null));
/** Legend values that are off, of the layers where that differs from their file. */
export const hide = signal(/** @type {import("./legend.js").Hidden} */ ({}));
export const opacity = signal(/** @type {Record<string, number>} */ ({}));
export const selection = signal(/** @type {import("./url.js").Selection|null} */ (null));
export const list = signal(/** @type {import("./url.js").ListState|null} */ (null));
export const panelOpen = signal(true);
export const measureMode = signal(/** @type {"line"|"area"|null} */ (null));
export const dialog = signal(/** @type {"help"|"sheet"|"jobs"|"upload"|"city"|"cities"|"password"|"sessions"|"apikeys"|"factor"|null} */ (null));
/** The dialogs that have an address. */
export const page = computed(() => (dialog.value === "city" || dialog.value === "cities" ? dialog.value : null));
export const mapState = signal(/** @type {"busy"|"idle"|"nowebgl"} */ ("busy"));
export const mapTrouble = signal(/** @type {"style"|"tiles"|"context"|null} */ (null));
export const pointer = signal(/** @type {import("./coordinates.js").Position|null} */ (null));
export const announcement = signal("");
/** A found position without an object. */
export const place = signal(/** @type {import("./coordinates.js").Position|null} */ (null));
/** Bounds of the map in degrees, once it stands still. */
export const bounds = signal(/** @type {import("./api.js").Bbox|null} */ (null));
/** Grows when everything is to be read again. */
export const revision = signal(0);

export const cities = resource((abort) => api.readCities(abort));
export const registry = resource((abort, /** @type {string} */ city) => api.readLayers(city, abort));

export const city = computed(() => {
  const known = /** @type {City[]} */ (cities.state.value.data?.cities ?? []);
  return known.find((candidate) => candidate.key === cityKey.value) ?? null;
});
export const layers = computed(() => /** @type {LayerInfo[]} */ (registry.state.value.data?.layers ?? []));
export const groups = computed(() => /** @type {{id: string, title: Title}[]} */ (registry.state.value.data?.groups ?? []));
export const layerById = computed(() => new Map(layers.value.map((layer) => [layer.id, layer])));
export const shown = computed(() => new Set(on.value ?? layers.value.filter((layer) => layer.visible).map((layer) => layer.id)));

/** For screen readers alone. */
export const whisper = signal("");

/** Says something to people and to screen readers, for some seconds. @param {string} text @param {number} [milliseconds] */
export function announce(text, milliseconds = 5000) {
  announcement.value = text;
  window.clearTimeout(announce.timer);
  announce.timer = window.setTimeout(() => { announcement.value = ""; }, milliseconds);
}
announce.timer = 0;

/** @param {string} layer @param {boolean} visible */
export function showLayer(layer, visible) {
  const set = new Set(shown.peek());
  if (visible) set.add(layer);
  else set.delete(layer);
  on.value = [...set].sort();
}

/** One legend value off or on. @param {LayerInfo} layer @param {string} value */
export const toggleValue = (layer, value) => { hide.value = toggled(layer, hide.peek(), value); };

/** One legend value alone; asked again, all. @param {LayerInfo} layer @param {string} value */
export const showAlone = (layer, value) => { hide.value = alone(layer, hide.peek(), value); };

/** @param {LayerInfo} layer */
export const showAllValues = (layer) => { hide.value = withHidden(layer, hide.peek(), []); };

/** True where the tree is not as the layer files have it. */
export const changed = computed(() => on.value !== null || Object.keys(hide.value).length > 0);

/** Layers and legend values as the layer files have them. */
export const resetLayers = () => batch(() => { on.value = null; hide.value = {}; });

/** @param {string} layer @param {number} percent */
export function setOpacity(layer, percent) {
  const { [layer]: _, ...others } = opacity.peek();
  opacity.value = percent >= 100 ? others : { ...others, [layer]: percent };
}

/** Another city: its own view, nothing selected. @param {string} key */
export function chooseCity(key) {
  if (key === cityKey.peek()) return;
  batch(() => {
    cityKey.value = key;
    selection.value = null;
    place.value = null;
    measureMode.value = null;
    bounds.value = null;
    view.value = null;
    registry.clear();
  });
}

/** Opens the list of a layer. @param {string} layer @param {"view"|"city"} [scope] */
export function openList(layer, scope) {
  const usual = list.peek()?.scope ?? (mapState.peek() === "nowebgl" ? "city" : "view");
  list.value = { layer, scope: scope ?? usual };
}

/** The layer that the list shows when none was asked for: the selected one, else the first that is on, of the tree. */
export function usualListLayer() {
  const wanted = selection.peek()?.layer;
  if (wanted && layerById.peek().has(wanted)) return wanted;
  const order = groups.peek().map((group) => group.id);
  const ranked = layers.peek().filter((layer) => !layer.basemap && layer.count > 0)
    .sort((a, b) => Number(shown.peek().has(b.id)) - Number(shown.peek().has(a.id)) || order.indexOf(a.group) - order.indexOf(b.group));
  return ranked[0]?.id ?? layers.peek()[0]?.id ?? null;
}

/* ---- the address ---------------------------------------------------------------------------------------------- */

/** Called when the address asks for another view: the map goes there. @type {(view: import("./url.js").View) => void} */
let goTo = () => {};
export const onViewAsked = (/** @type {typeof goTo} */ then) => { goTo = then; };

/** Takes over what the address says. */
function readAddress() {
  const given = decode(window.location.hash);
  batch(() => {
    if (given.city && given.city !== cityKey.peek()) {
      chooseCity(given.city);
    }
    on.value = given.on;
    hide.value = given.hide;
    opacity.value = given.opacity;
    selection.value = given.selection;
    list.value = given.list;
    panelOpen.value = given.panel;
    measureMode.value = given.measure;
    if (given.page || page.peek()) dialog.value = given.page;
    if (given.theme) theme.value = given.theme;
    if (given.lang) lang.value = given.lang;
    if (given.view) view.value = given.view;
  });
  if (given.view) goTo(given.view);
}

/** Starts the two-way link between state and address. */
export function linkAddress() {
  recallLook();
  readAddress();
  let reading = true;
  effect(() => {
    const next = encode({
      city: cityKey.value, view: view.value, on: on.value, hide: hide.value, opacity: opacity.value, selection: selection.value, list: list.value,
      panel: panelOpen.value, theme: theme.value, lang: lang.value, measure: measureMode.value, page: page.value,
    });
    const now = window.location.hash;
    if (next === now) return;
    const step = !reading && now.length > 1 && !sameButView(now, next);
    window.history[step ? "pushState" : "replaceState"](null, "", next);
  });
  reading = false;
  window.addEventListener("popstate", () => {
    reading = true;
    readAddress();
    reading = false;
  });
  showLook(() => [t("brand"), t("screen"), titled(city.value?.title)].filter(Boolean).join(" · "));
  effect(() => { document.documentElement.dataset.map = mapState.value; });
  // without any city there is nothing to draw, and nothing to wait for
  effect(() => { if (cities.state.value.data?.cities?.length === 0 && mapState.peek() === "busy") mapState.value = "idle"; });
}

/** Reads cities, then the layers of the chosen one; keeps both in step with the state. */
export function linkServer() {
  effect(() => { revision.value; cities.load(); });
  effect(() => {
    const known = /** @type {City[]} */ (cities.state.value.data?.cities ?? []);
    if (!known.length || known.some((candidate) => candidate.key === cityKey.value)) return;
    if (cityKey.peek()) announce(t("city_unknown", { city: cityKey.peek() ?? "", title: titled(known[0].title) }));
    cityKey.value = known[0].key;
  });
  const known = computed(() => city.value?.key ?? null);
  effect(() => { revision.value; if (known.value) registry.load(known.value); });
  let wasOnline = true;
  effect(() => {
    if (api.online.value && !wasOnline) {
      revision.value = revision.peek() + 1;
      announce(t("back"));
    }
    wasOnline = api.online.value;
  });
}

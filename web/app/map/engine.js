/** The map: made once, kept in step with the state. Only this folder knows MapLibre. */
import { computed, effect, signal, untracked } from "@preact/signals";
import { readStyle, doubt, online, sessionEnded } from "../api.js";
import { lang, t } from "../i18n.js";
import { resource } from "../resource.js";
import * as state from "../state.js";
import { shownValues } from "../legend.js";
import { filterOf } from "./filter.js";
import { LOCALES } from "./locale.js";
import { isCells, isGround, layerOf } from "./parts.js";
import { PLACE, SELECTION, drawnAs, paintAt, prepareStyle } from "./style.js";

/** @typedef {import("../url.js").View} View */

/** The map, once it is there. @type {import("@preact/signals").Signal<any>} */
export const map = signal(null);
/** Geometry of the selected object. @type {import("@preact/signals").Signal<any>} */
export const selectedGeometry = signal(null);

const style = resource((abort, /** @type {string} */ theme, /** @type {string} */ city) => readStyle(theme, city, abort));
export const styleReading = style.state;
export const retryStyle = () => style.retry();

/** Layers drawn by their border alone: their sign in a legend is hollow. */
export const hollow = computed(() => new Set((style.state.value.data?.layers ?? [])
  .filter((/** @type {any} */ layer) => layer.type === "fill" && typeof layer.paint?.["fill-opacity"] === "number" && layer.paint["fill-opacity"] < 0.1)
  .map((/** @type {any} */ layer) => layerOf(layer))));

/** What the legends leave out, by layer. */
const filters = computed(() => new Map(state.layers.value.flatMap((layer) => {
  const values = shownValues(layer, state.hide.value);
  return values ? [[layer.id, filterOf(layer, values, state.theme.value === "dark")]] : [];
})));

/** The style as the server gave it, for opacities and roles of the layers. @type {any} */
let original = null;

export const reducedMotion = () => window.matchMedia("(prefers-reduced-motion: reduce)").matches;

const collection = (/** @type {any} */ geometry) => ({
  type: "FeatureCollection", features: geometry ? [{ type: "Feature", properties: {}, geometry }] : [],
});
const placeCollection = () => {
  const place = state.place.peek();
  return collection(place && { type: "Point", coordinates: [place.lon, place.lat] });
};

/** True when the browser can draw the map at all. */
function hasWebGL2() {
  try {
    const context = document.createElement("canvas").getContext("webgl2");
    context?.getExtension("WEBGL_lose_context")?.loseContext();
    return context !== null;
  } catch {
    return false;
  }
}

/** True once it is known what the legends leave out, or that it will not be known. */
const known = computed(() => state.registry.state.value.data !== null || state.registry.state.value.status === "failed");

/** Until then the ground is drawn alone: tens of thousands of hidden objects must not flash up. */
const ground = () => new Set((original?.layers ?? [])
  .filter((/** @type {any} */ layer) => isGround(layer) && (state.on.peek()?.includes(layerOf(layer) ?? "") ?? layer.layout?.visibility !== "none"))
  .map((/** @type {any} */ layer) => layerOf(layer)));

/** @returns {import("./style.js").Switches} */
function switches() {
  const chosen = state.on.peek() ? new Set(state.on.peek()) : null;
  return { on: known.peek() ? chosen : ground(), opacity: state.opacity.peek(), filters: filters.peek() };
}
const wanted = () => ({
  ...switches(), origin: window.location.origin,
  selection: collection(selectedGeometry.peek()), place: placeCollection(), dark: state.theme.peek() === "dark",
});

/** @param {any} drawn @returns {View} */
function viewOf(drawn) {
  const { lng, lat } = drawn.getCenter();
  return { lon: lng, lat, zoom: drawn.getZoom(), bearing: drawn.getBearing(), pitch: drawn.getPitch() };
}

/** @param {View} view */
const camera = (view) => ({ center: /** @type {[number, number]} */ ([view.lon, view.lat]), zoom: view.zoom, bearing: view.bearing, pitch: view.pitch });

/** The view at which a city opens. */
function startView() {
  const city = state.city.peek();
  return state.view.peek() ?? { bearing: 0, pitch: 0, ...(city?.view ?? { lon: 105, lat: 35, zoom: 4 }) };
}

/** Links the state of drawing with the signal that people and tests read. @param {any} drawn */
function watchDrawing(drawn) {
  const busy = () => { if (state.mapState.peek() !== "busy") state.mapState.value = "busy"; };
  for (const event of ["movestart", "dataloading", "styledata"]) drawn.on(event, busy);
  drawn.on("idle", () => { if (known.peek()) state.mapState.value = "idle"; });
  const settle = () => {
    const box = drawn.getBounds();
    const sides = [box.getWest(), box.getSouth(), box.getEast(), box.getNorth()].map((value) => Number(value.toFixed(6)));
    state.view.value = viewOf(drawn);
    state.bounds.value = /** @type {import("../api.js").Bbox} */ (sides);
  };
  drawn.on("moveend", settle);
  drawn.on("resize", () => window.setTimeout(settle, 0));
  drawn.once("load", settle);
  drawn.on("error", (/** @type {any} */ event) => {
    if (event.error?.name === "AbortError") return;
    state.mapTrouble.value = "tiles";
    if (event.error?.status === 401) sessionEnded.value = true;
    if (event.error && !event.error.status) doubt();
  });
  drawn.on("webglcontextlost", () => { state.mapTrouble.value = "context"; });
  drawn.on("webglcontextrestored", () => { state.mapTrouble.value = null; });
}

const same = (/** @type {any} */ a, /** @type {any} */ b) => JSON.stringify(a) === JSON.stringify(b);

/** Shows what is on, which values of it and how strong, without a new style. @param {any} drawn */
function applySwitches(drawn) {
  const now = switches();
  for (const layer of original?.layers ?? []) {
    if (!layerOf(layer) || !drawn.getLayer(layer.id)) continue;
    const { filter, layout, paint } = drawnAs(layer, now);
    if (!same(drawn.getFilter(layer.id), filter)) drawn.setFilter(layer.id, filter ?? null);
    for (const [name, value] of Object.entries(layout)) {
      if (!same(drawn.getLayoutProperty(layer.id, name), value)) drawn.setLayoutProperty(layer.id, name, value);
    }
    for (const [name, value] of Object.entries({ ...paintAt(layer, 100), ...paint })) {
      if (!same(drawn.getPaintProperty(layer.id, name), value)) drawn.setPaintProperty(layer.id, name, value);
    }
  }
  drawn.triggerRepaint();
}

/** Sources and layers of the measuring survive a change of theme. @param {any} before @param {any} next */
function keepSketch(before, next) {
  const mine = (/** @type {string} */ id) => id.startsWith("td-");
  const sources = Object.fromEntries(Object.entries(before?.sources ?? {}).filter(([id]) => mine(id)));
  return {
    ...next, sources: { ...next.sources, ...sources },
    layers: [...next.layers, ...(before?.layers ?? []).filter((/** @type {any} */ layer) => mine(layer.id))],
  };
}

/** @param {any} library @param {HTMLElement} container */
function create(library, container) {
  library.setWorkerUrl(new URL("../../vendor/maplibre-gl/maplibre-gl-worker.mjs", import.meta.url).href);
  const drawn = new library.Map({
    container, style: prepareStyle(original, wanted()), ...camera(startView()), locale: LOCALES[lang.peek()],
    attributionControl: false, fadeDuration: reducedMotion() ? 0 : 120, maxPitch: 60, minZoom: 2, maxZoom: 21, boxZoom: true,
    localIdeographFontFamily: '"Noto Sans SC","Noto Sans CJK SC","Source Han Sans SC","Microsoft YaHei","WenQuanYi Micro Hei",sans-serif',
    canvasContextAttributes: { antialias: true },
  });
  watchDrawing(drawn);
  return drawn;
}

/** Follows theme and city with the style, switches and selection with the drawn layers. @param {any} library @param {HTMLElement} container */
function follow(library, container) {
  effect(() => {
    const city = state.city.value?.key;
    const theme = state.theme.value;
    if (city) untracked(() => style.load(theme, city));
  });
  let drawnCity = "";
  effect(() => {
    const reading = style.state.value;
    if (reading.status === "failed") state.mapTrouble.value = "style";
    if (reading.status !== "ready") return;
    untracked(() => {
      original = reading.data;
      state.mapTrouble.value = null;
      const city = state.cityKey.peek() ?? "";
      if (!map.peek()) map.value = create(library, container);
      else {
        if (city !== drawnCity) map.peek().jumpTo(camera(startView()));
        map.peek().setStyle(prepareStyle(original, wanted()), { diff: true, transformStyle: keepSketch });
      }
      drawnCity = city;
    });
  });
  effect(() => {
    state.shown.value;
    state.opacity.value;
    filters.value;
    if (map.value && known.value) untracked(() => applySwitches(map.peek()));
  });
  effect(() => { const data = collection(selectedGeometry.value); map.value?.getSource(SELECTION)?.setData(data); });
  effect(() => { state.place.value; map.value?.getSource(PLACE)?.setData(placeCollection()); });
  effect(() => { const label = t("map_label"); map.value?.getCanvas().setAttribute("aria-label", label); });
  let seen = state.revision.peek();
  effect(() => {
    const now = state.revision.value;
    if (now !== seen && online.peek()) untracked(refresh);
    seen = now;
  });
}

/** Loads every tile again; where some had failed the sources start anew, for a failed tile is not asked for twice. */
export function refresh() {
  const drawn = map.peek();
  const failed = state.mapTrouble.peek() === "tiles";
  state.mapTrouble.value = null;
  if (!drawn || style.state.peek().status === "failed") return void style.retry();
  if (failed) return void drawn.setStyle(prepareStyle(original, wanted()), { diff: false, transformStyle: keepSketch });
  for (const [id, source] of Object.entries(/** @type {Record<string, any>} */ (original.sources))) {
    if (source.type === "vector") drawn.refreshTiles(id);
  }
  return undefined;
}

/** Makes the map in a container. @param {HTMLElement} container */
export async function start(container) {
  if (!hasWebGL2()) {
    state.mapState.value = "nowebgl";
    return;
  }
  const library = await import("maplibre-gl");
  follow(library, container);
  state.onViewAsked((view) => map.peek()?.jumpTo(camera(view)));
}

/* ---- moving ------------------------------------------------------------------------------------------------------ */

const motion = () => ({ duration: reducedMotion() ? 0 : 500, essential: false });

/** Keeps clear of the card that lies over the map. */
function padding() {
  const card = document.querySelector(".right:not(.docked) .card");
  const right = card ? Math.min(card.clientWidth + 24, window.innerWidth / 2.5) : 32;
  return { top: 32, bottom: 32, left: 32, right };
}

/** @param {[number, number, number, number]} bbox @param {number} [maxZoom] */
export function fit([west, south, east, north], maxZoom = 18) {
  map.peek()?.fitBounds([[west, south], [east, north]], { padding: padding(), maxZoom, ...motion() });
}

/** @param {import("../coordinates.js").Position} position @param {number} [zoom] never zooms out */
export function flyTo({ lon, lat }, zoom = 0) {
  const drawn = map.peek();
  drawn?.easeTo({ center: [lon, lat], zoom: Math.max(drawn.getZoom(), zoom), ...motion() });
}

/** @param {number} delta */
export const zoomBy = (delta) => map.peek()?.easeTo({ zoom: map.peek().getZoom() + delta, ...motion() });
export const northUp = () => map.peek()?.easeTo({ bearing: 0, pitch: 0, ...motion() });
export const focusMap = () => map.peek()?.getCanvas().focus();

/** The whole city. */
export function home() {
  const city = state.city.peek();
  if (!city) return;
  const boxes = state.layers.peek().flatMap((layer) => (layer.bbox ? [layer.bbox] : []));
  if (boxes.length) fit(/** @type {import("../api.js").Bbox} */ ([0, 1, 2, 3].map((side) => Math[side < 2 ? "min" : "max"](...boxes.map((box) => box[side])))), 16);
  else map.peek()?.easeTo({ center: [city.view.lon, city.view.lat], zoom: city.view.zoom, ...motion() });
}

/** Ids of the drawn style layers, cells or single objects, of what is on and may be picked. @param {boolean} cells */
export function pickable(cells) {
  const ground = new Set(state.layers.peek().filter((layer) => layer.basemap).map((layer) => layer.id));
  return (original?.layers ?? [])
    .filter((/** @type {any} */ layer) => layerOf(layer) && !ground.has(layerOf(layer) ?? "") && isCells(layer) === cells && state.shown.peek().has(layerOf(layer) ?? ""))
    .map((/** @type {any} */ layer) => layer.id)
    .filter((/** @type {string} */ id) => map.peek()?.getLayer(id));
}

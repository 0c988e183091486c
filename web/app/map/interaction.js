/** What a click does: a card for objects, a closer look for counted cells; and which hit of several is shown. */
import { batch, computed, effect, signal, untracked } from "@preact/signals";
import * as api from "../api.js";
import { metresPerPixel } from "../format.js";
import { passes, shownValues } from "../legend.js";
import { announce, bounds, cityKey, hide, layerById, layers, measureMode, place, pointer, revision, selection, shown, view } from "../state.js";
import { t } from "../i18n.js";
import { resource } from "../resource.js";
import { fit, flyTo, map, pickable, reducedMotion, selectedGeometry } from "./engine.js";

/** @typedef {import("../state.js").Feature} Feature */

/** What is being read by its id; empty while a click is looked at. */
let sought = "";

const REACH = 6;
const MOST = 40;

/** Objects under the last click, or the one that was chosen elsewhere. */
export const hits = resource((abort, /** @type {(abort: AbortSignal) => Promise<Feature[]>} */ read) => read(abort));
/** True while a card is wanted, also for a click on nothing. */
export const cardOpen = signal(false);

/** The counted cell under the pointer. @type {import("@preact/signals").Signal<{x: number, y: number, layer: string, counts: Record<string, number>}|null>} */
export const cellTip = signal(null);

/** Place of the selected object among the hits. */
export const hitIndex = computed(() => {
  const wanted = selection.value;
  const found = (hits.state.value.data ?? []).findIndex((hit) => hit.layer === wanted?.layer && hit.id === wanted?.id);
  return Math.max(0, found);
});
/** @type {import("@preact/signals").ReadonlySignal<Feature|null>} */
export const shownHit = computed(() => (hits.state.value.data ?? [])[hitIndex.value] ?? null);

/** @param {any} feature @param {string} [layer] @returns {Feature} */
export const asFeature = (feature, layer) => ({
  id: Number(feature.id), layer: layer ?? feature.layer ?? feature.properties?.["wanmi:layer"], geometry: feature.geometry, properties: feature.properties ?? {},
});

/** Small things first: the point under the cursor matters more than the district around it. @param {Feature} feature */
const rank = (feature) => ({ Point: 0, MultiPoint: 0, LineString: 1, MultiLineString: 1 }[/** @type {string} */ (feature.geometry?.type)] ?? 2);

/** @param {any} geometry @returns {[number, number, number, number]|null} */
export function bboxOf(geometry) {
  const numbers = (geometry?.coordinates ?? (geometry?.geometries ?? []).map((/** @type {any} */ part) => part.coordinates)).flat(Infinity);
  if (numbers.length < 2) return null;
  const step = pairSize(geometry);
  const xs = numbers.filter((/** @type {number} */ _, /** @type {number} */ index) => index % step === 0);
  const ys = numbers.filter((/** @type {number} */ _, /** @type {number} */ index) => index % step === 1);
  const least = (/** @type {number[]} */ values) => values.reduce((a, b) => Math.min(a, b));
  const most = (/** @type {number[]} */ values) => values.reduce((a, b) => Math.max(a, b));
  return [least(xs), least(ys), most(xs), most(ys)];
}

/** Numbers of one position: 2, or 3 with a height. @param {any} geometry */
function pairSize(geometry) {
  let inner = geometry.coordinates;
  while (Array.isArray(inner?.[0])) inner = inner[0];
  return inner?.length ?? 2;
}

/** The part of a box that tells a large area from a small one. @param {Feature} feature */
function extent(feature) {
  const box = bboxOf(feature.geometry);
  return box ? (box[2] - box[0]) * (box[3] - box[1]) : 0;
}

/** Points before lines before areas. @param {import("../state.js").LayerInfo} layer */
const dimension = (layer) => (layer.points ? 0 : layer.geometry.every((kind) => kind.endsWith("LineString")) ? 1 : 2);

/** Layers that answer a click now: on, not ground, in their scale, drawn one by one; the server answers in this order. */
function askable() {
  const zoom = view.peek()?.zoom ?? 0;
  return layers.peek()
    .filter((layer) => shown.peek().has(layer.id) && !layer.basemap && zoom >= layer.minzoom && !(layer.points && zoom < layer.detail_zoom))
    .filter((layer) => shownValues(layer, hide.peek())?.length !== 0)
    .sort((a, b) => dimension(a) - dimension(b))
    .map((layer) => layer.id);
}

/** Chooses one of the hits. @param {number} index */
function choose(index) {
  const hit = (hits.state.peek().data ?? [])[index];
  selection.value = hit ? { layer: hit.layer, id: hit.id } : null;
}

/** False for what the legend hides. @param {Feature} feature */
export function inSight(feature) {
  const layer = layerById.value.get(feature.layer);
  return !layer || passes(layer, hide.value, feature.properties);
}

/** Looks at what lies at a position. @param {import("../coordinates.js").Position} at */
export async function lookAt({ lon, lat }) {
  const zoom = view.peek()?.zoom ?? 0;
  const names = askable();
  const values = layers.peek().filter((layer) => names.includes(layer.id))
    .flatMap((layer) => (shownValues(layer, hide.peek()) ?? []).map((value) => `${layer.id}:${value}`));
  const read = async (/** @type {AbortSignal} */ abort) => {
    if (!names.length) return [];
    const radius = Number((metresPerPixel(zoom, lat) * REACH).toFixed(3));
    const found = await api.identify(
      { lon: Number(lon.toFixed(7)), lat: Number(lat.toFixed(7)), radius_m: radius, layers: names.join(","), shown: values, city: cityKey.peek() ?? "", limit: MOST },
      abort,
    );
    return found.features.map((/** @type {any} */ feature) => asFeature(feature)).filter(inSight)
      .sort((/** @type {Feature} */ a, /** @type {Feature} */ b) => rank(a) - rank(b) || (rank(a) === 2 ? extent(a) - extent(b) : 0));
  };
  let reading = Promise.resolve();
  batch(() => {
    sought = "";
    reading = hits.load(read);
    cardOpen.value = true;
    place.value = null;
  });
  await reading;
  const { status } = hits.state.peek();
  if (sought) return;
  if (status === "ready") choose(0);
  else if (status === "failed" || status === "stale") selection.value = null;
}

/** Shows one object that was chosen in the search, the list or the address. @param {Feature} feature @param {boolean} [move] */
export function showFeature(feature, move = true) {
  batch(() => {
    hits.give([feature]);
    cardOpen.value = true;
    place.value = null;
    selection.value = { layer: feature.layer, id: feature.id };
  });
  if (move) reveal(feature);
}

/** Shows an object known by its id alone. @param {string} layer @param {number} id @param {boolean} [move] */
export async function showById(layer, id, move = true) {
  let reading = Promise.resolve();
  batch(() => {
    sought = `${layer}:${id}`;
    reading = hits.load(async (abort) => [asFeature(await api.readItem({ layer, id }, abort), layer)]);
    cardOpen.value = true;
    place.value = null;
    const before = selection.peek();
    if (before?.layer !== layer || before.id !== id) selection.value = { layer, id };
  });
  await reading;
  const found = hits.state.peek().data?.[0];
  if (move && found) reveal(found);
}

/** Moves only when the object lies outside the view, or is too small to be seen at this scale. @param {Feature} feature */
function reveal(feature) {
  const box = bboxOf(feature.geometry);
  const now = bounds.peek();
  if (!box || !now) return;
  const inside = box[0] >= now[0] && box[1] >= now[1] && box[2] <= now[2] && box[3] <= now[3];
  const layer = layerById.peek().get(feature.layer);
  if (!inside || (view.peek()?.zoom ?? 0) < Math.max(layer?.minzoom ?? 0, layer?.detail_zoom ?? 0)) zoomTo(feature);
}

/** @param {Feature} feature */
export function zoomTo(feature) {
  const box = bboxOf(feature.geometry);
  const layer = layerById.peek().get(feature.layer);
  if (!box) return;
  if (box[0] === box[2] && box[1] === box[3]) flyTo({ lon: box[0], lat: box[1] }, Math.max(17, layer?.detail_zoom ?? 0));
  else fit(box, 18.5);
}

/** Reads once more what could not be read. */
export async function retryCard() {
  await hits.retry();
  if (hits.state.peek().status === "ready" && !selection.peek()) choose(0);
}

/** @param {number} step */
export function turnPage(step) {
  const count = hits.state.peek().data?.length ?? 0;
  if (count > 1) choose((hitIndex.peek() + step + count) % count);
}

export function closeCard() {
  batch(() => { cardOpen.value = false; selection.value = null; place.value = null; hits.clear(); });
}

/** A closer look at a counted cell. @param {any} cell @param {any} drawn */
function openCell(cell, drawn) {
  const layer = layerById.peek().get(cell.source);
  const limit = layer?.detail_zoom ?? 22;
  drawn.easeTo({ center: cell.geometry.coordinates, zoom: Math.min(drawn.getZoom() + 2, Math.max(limit, drawn.getZoom() + 0.5)), duration: reducedMotion() ? 0 : 500 });
}

/** @param {any} drawn @param {{x: number, y: number}} point @param {boolean} cells */
const under = (drawn, { x, y }, cells) => {
  const names = pickable(cells);
  return names.length ? drawn.queryRenderedFeatures([[x - REACH, y - REACH], [x + REACH, y + REACH]], { layers: names }) : [];
};

/** @param {any} drawn @param {{x: number, y: number}} point @param {{lng: number, lat: number}} at */
function pick(drawn, point, at) {
  const single = under(drawn, point, false).some((/** @type {any} */ found) => found.geometry.type === "Point");
  const cell = single ? null : under(drawn, point, true).find((/** @type {any} */ found) => found.geometry.type === "Point");
  if (cell) openCell(cell, drawn);
  else void lookAt({ lon: at.lng, lat: at.lat });
}

/** Looks at the middle of the map: the way of the keyboard. */
export function lookAtCentre() {
  const drawn = map.peek();
  if (drawn) pick(drawn, drawn.project(drawn.getCenter()), drawn.getCenter());
}

/** @param {any} drawn */
function listen(drawn) {
  let waiting = 0;
  drawn.on("click", (/** @type {any} */ event) => { if (!measureMode.peek()) pick(drawn, event.point, event.lngLat); });
  drawn.on("mousemove", (/** @type {any} */ event) => {
    pointer.value = { lon: event.lngLat.lng, lat: event.lngLat.lat };
    delete document.documentElement.dataset.keys;
    if (waiting || measureMode.peek()) return;
    waiting = window.requestAnimationFrame(() => {
      waiting = 0;
      if (drawn.isMoving()) return;
      const cells = under(drawn, event.point, true).filter((/** @type {any} */ found) => found.geometry.type === "Point");
      cellTip.value = cells.length ? { x: event.point.x, y: event.point.y, layer: cells[0].source, counts: cells[0].properties } : null;
      const hot = cells.length || under(drawn, event.point, false).some((/** @type {any} */ found) => found.geometry.type === "Point");
      drawn.getCanvas().style.cursor = hot ? "pointer" : "";
    });
  });
  for (const event of ["mouseout", "movestart"]) drawn.on(event, () => { cellTip.value = null; });
  drawn.getCanvas().addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (/^(Arrow|[+=-]$|Enter$| $)/.test(event.key)) document.documentElement.dataset.keys = "map";
    if (event.key === "Enter" && !measureMode.peek()) lookAtCentre();
  });
}

/** Keeps selection, card and highlight in step, also with the address. */
export function linkSelection() {
  effect(() => { if (map.value) untracked(() => listen(map.peek())); });
  effect(() => { if (api.online.value) untracked(() => { if (cardOpen.peek() && hits.state.peek().status === "failed") void retryCard(); }); });
  effect(() => { selectedGeometry.value = selection.value ? shownHit.value?.geometry ?? null : null; });
  effect(() => {
    const wanted = selection.value;
    const ready = layers.value.length > 0;
    revision.value;
    if (!ready) return;
    untracked(() => {
      const loading = ["loading", "refreshing"].includes(hits.state.peek().status);
      if (!wanted) {
        if (!loading && cardOpen.peek() && hits.state.peek().status === "ready" && hits.state.peek().data?.length) closeCard();
        return;
      }
      if (!layerById.peek().has(wanted.layer)) {
        announce(t("unknown_layer", { layer: wanted.layer }));
        selection.value = null;
        return;
      }
      const known = (hits.state.peek().data ?? []).some((hit) => hit.layer === wanted.layer && hit.id === wanted.id);
      if (!known && !(loading && sought === `${wanted.layer}:${wanted.id}`)) void showById(wanted.layer, wanted.id, false);
    });
  });
}

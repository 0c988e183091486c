/** Measuring: terra-draw takes the sketch, the server gives the number (never the screen's projection). */
import { effect, signal, untracked } from "@preact/signals";
import * as api from "../api.js";
import { cityKey, measureMode, theme } from "../state.js";
import { resource } from "../resource.js";
import { map } from "./engine.js";
import { measurable } from "./sketch.js";

/** @typedef {{length_m: number, area_m2: number|null, crs: string, crs_title: import("../format.js").Title}} Measured */

/** What the server says of the sketch. */
export const measured = resource((abort, /** @type {object} */ geometry) =>
  /** @type {Promise<Measured>} */ (api.measure(geometry, cityKey.peek(), abort)));
/** Points set so far. */
export const vertices = signal(0);
/** The area under way crosses itself. */
export const crossing = signal(false);

const EVERY = 140;
/** @type {any} */
let sketch = null;
let timer = 0;
let asked = "";

const INK = { light: "#b3005e", dark: "#ff8ac2" };

/** Modes of the two kinds of sketch in the colours of the theme. @param {any} library @param {string} ink */
function modes(library, ink) {
  const shared = { pointerDistance: 20, keyEvents: { cancel: null, finish: "Enter" } };
  return [
    new library.TerraDrawLineStringMode({
      ...shared, styles: { lineStringColor: ink, lineStringWidth: 3, closingPointColor: ink, closingPointWidth: 5, closingPointOutlineColor: "#ffffff", closingPointOutlineWidth: 2 },
    }),
    new library.TerraDrawPolygonMode({
      ...shared, styles: {
        fillColor: ink, fillOpacity: 0.12, outlineColor: ink, outlineWidth: 3,
        closingPointColor: ink, closingPointWidth: 5, closingPointOutlineColor: "#ffffff", closingPointOutlineWidth: 2,
      },
    }),
  ];
}

/** The sketch as it can be measured, or null. @returns {object|null} */
function geometryNow() {
  const shapes = sketch?.getSnapshot().filter((/** @type {any} */ feature) => ["LineString", "Polygon"].includes(feature.geometry.type)) ?? [];
  const now = measurable(shapes.at(-1)?.geometry);
  vertices.value = now.points;
  crossing.value = now.crossing;
  return now.geometry;
}

/** Asks the server at most every `EVERY` ms; the last sketch is always asked. */
function changed() {
  if (timer) return;
  timer = window.setTimeout(() => {
    timer = 0;
    const geometry = geometryNow();
    const key = JSON.stringify(geometry);
    if (key === asked) return;
    asked = key;
    if (geometry) void measured.load(geometry);
    else measured.clear();
  }, EVERY);
}

/** Starts anew: a second sketch replaces the first. @param {any} id of the sketch just begun */
function keepLast(id) {
  const others = sketch.getSnapshot().filter((/** @type {any} */ feature) => ["LineString", "Polygon"].includes(feature.geometry.type) && feature.id !== id);
  if (others.length) sketch.removeFeatures(others.map((/** @type {any} */ feature) => feature.id));
}

async function begin() {
  if (sketch || !map.peek()) return;
  const [library, { TerraDrawMapLibreGLAdapter }] = await Promise.all([import("terra-draw"), import("terra-draw-maplibre-gl-adapter")]);
  if (sketch || !measureMode.peek()) return;
  sketch = new library.TerraDraw({
    adapter: new TerraDrawMapLibreGLAdapter({ map: map.peek(), coordinatePrecision: 8 }), modes: modes(library, INK[theme.peek()]),
  });
  sketch.start();
  sketch.on("change", (/** @type {any[]} */ ids, /** @type {string} */ kind) => {
    if (kind === "create") {
      const begun = ids.find((id) => ["LineString", "Polygon"].includes(sketch.getSnapshotFeature(id)?.geometry.type));
      if (begun !== undefined) keepLast(begun);
    }
    changed();
  });
  sketch.on("finish", changed);
}

/** Empties the sketch, measuring goes on. */
export function clear() {
  const mode = measureMode.peek();
  if (!sketch || !mode) return;
  sketch.clear();
  sketch.setMode(mode === "area" ? "polygon" : "linestring");
  vertices.value = 0;
  crossing.value = false;
  asked = "";
  measured.clear();
}

function end() {
  window.clearTimeout(timer);
  timer = 0;
  asked = "";
  vertices.value = 0;
  crossing.value = false;
  measured.clear();
  sketch?.stop();
  sketch = null;
  const canvas = map.peek()?.getCanvas();
  if (canvas) canvas.style.cursor = "";
}

/** Adds a point at the middle of the map, as a click there would: the way of the keyboard. */
export function addPointAtCentre() {
  const drawn = map.peek();
  if (!drawn || !sketch) return;
  const { x, y } = drawn.project(drawn.getCenter());
  const frame = drawn.getCanvas().getBoundingClientRect();
  const at = { clientX: frame.left + x, clientY: frame.top + y, bubbles: true, isPrimary: true, pointerId: 1, pointerType: "mouse" };
  for (const [type, button, buttons] of /** @type {const} */ ([["pointermove", -1, 0], ["pointerdown", 0, 1], ["pointerup", 0, 0]])) {
    drawn.getCanvas().dispatchEvent(new PointerEvent(type, { ...at, button, buttons }));
  }
}

/** Starts and ends measuring as the state says. */
export function linkMeasure() {
  effect(() => {
    const mode = measureMode.value;
    const drawn = map.value;
    untracked(() => {
      if (!mode) return end();
      if (!drawn) return undefined;
      return void begin().then(() => { if (measureMode.peek() === mode) clear(); });
    });
  });
  effect(() => {
    const drawn = map.value;
    if (!drawn) return;
    drawn.getCanvas().addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      if (!measureMode.peek()) return;
      if (event.key === " ") { event.preventDefault(); addPointAtCentre(); }
    });
  });
  effect(() => {
    const ink = INK[theme.value];
    untracked(() => {
      sketch?.updateModeOptions("linestring", { styles: { lineStringColor: ink, closingPointColor: ink } });
      sketch?.updateModeOptions("polygon", { styles: { fillColor: ink, outlineColor: ink, closingPointColor: ink } });
    });
  });
}


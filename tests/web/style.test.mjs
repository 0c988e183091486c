import assert from "node:assert/strict";
import test from "node:test";
import { isCells } from "../../web/app/map/parts.js";
import { PLACE, SELECTION, paintAt, prepareStyle, scaled } from "../../web/app/map/style.js";

const style = {
  version: 8,
  sources: { one: { type: "vector", tiles: ["/tiles/one/{z}/{y}/{x}?city=c"] }, two: { type: "vector", tiles: ["http://h/two/{z}/{y}/{x}"] } },
  layers: [
    { id: "ground", type: "background", paint: {} },
    { id: "one/fill", type: "fill", source: "one", metadata: { "wanmi:layer": "one" }, layout: { visibility: "none" }, paint: { "fill-opacity": 0.5 } },
    { id: "two/cells", type: "circle", source: "two", metadata: { "wanmi:layer": "two", "wanmi:part": "cells" }, layout: { visibility: "visible" }, paint: {} },
  ],
};
const wanted = { on: null, opacity: {}, filters: new Map(), origin: "http://h", selection: {}, place: {}, dark: false };

test("an opacity is scaled inside a curve over zoom, which must stay outermost", () => {
  assert.equal(scaled(undefined, 0.5), 0.5);
  assert.equal(scaled(0.8, 0.5), 0.4);
  assert.deepEqual(scaled(["get", "o"], 0.5), ["*", 0.5, ["get", "o"]]);
  assert.deepEqual(scaled(["interpolate", ["linear"], ["zoom"], 5, 0.2, 10, ["get", "o"]], 0.5), ["interpolate", ["linear"], ["zoom"], 5, 0.1, 10, ["*", 0.5, ["get", "o"]]]);
  assert.deepEqual(scaled(["step", ["zoom"], 1, 10, 0.5], 0.5), ["step", ["zoom"], 0.5, 10, 0.25]);
});

test("at full strength the paint is the server's", () => {
  assert.deepEqual(paintAt(style.layers[1], 100), { "fill-opacity": 0.5 });
  assert.deepEqual(paintAt(style.layers[1], 50), { "fill-opacity": 0.25 });
  assert.deepEqual(paintAt(style.layers[2], 100), { "circle-opacity": undefined, "circle-stroke-opacity": undefined });
});

test("tiles get absolute addresses, and the server's style is left as it was", () => {
  const before = JSON.stringify(style);
  const ready = prepareStyle(style, wanted);
  assert.equal(ready.sources.one.tiles[0], "http://h/tiles/one/{z}/{y}/{x}?city=c");
  assert.equal(ready.sources.two.tiles[0], "http://h/two/{z}/{y}/{x}");
  assert.equal(JSON.stringify(style), before);
});

test("what is on comes from the state, else from the layer files", () => {
  const visible = (ready) => Object.fromEntries(ready.layers.filter((layer) => layer.metadata).map((layer) => [layer.id, layer.layout.visibility]));
  assert.deepEqual(visible(prepareStyle(style, wanted)), { "one/fill": "none", "two/cells": "visible" });
  assert.deepEqual(visible(prepareStyle(style, { ...wanted, on: new Set(["one"]) })), { "one/fill": "visible", "two/cells": "none" });
});

test("the selection is drawn above all", () => {
  const ready = prepareStyle(style, wanted);
  assert.ok(ready.sources[SELECTION] && ready.sources[PLACE]);
  assert.ok(ready.layers.slice(3).every((layer) => [SELECTION, PLACE].includes(layer.source)));
});

test("cells are known by their part", () => {
  assert.deepEqual(style.layers.map(isCells), [false, false, true]);
});

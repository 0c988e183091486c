import assert from "node:assert/strict";
import test from "node:test";
import { crossesItself, distinct, measurable } from "../../web/app/map/sketch.js";

const square = [[0, 0], [1, 0], [1, 1], [0, 1]];
const bowtie = [[0, 0], [1, 1], [1, 0], [0, 1]];

test("a ring that crosses itself is known", () => {
  assert.equal(crossesItself(square), false);
  assert.equal(crossesItself(bowtie), true);
  assert.equal(crossesItself([[0, 0], [2, 0], [1, 1]]), false);
});

test("of a crossing ring only the border is measured", () => {
  assert.equal(measurable({ type: "Polygon", coordinates: [[...square, square[0]]] }).geometry.type, "Polygon");
  const crossed = measurable({ type: "Polygon", coordinates: [[...bowtie, bowtie[0]]] });
  assert.deepEqual([crossed.crossing, crossed.geometry.type], [true, "LineString"]);
});

test("a sketch under way is measured as soon as it has a length", () => {
  assert.deepEqual(distinct([[0, 0], [0, 0], [1, 1]]), [[0, 0], [1, 1]]);
  assert.equal(measurable(undefined).geometry, null);
  assert.equal(measurable({ type: "LineString", coordinates: [[0, 0], [0, 0]] }).geometry, null);
  assert.equal(measurable({ type: "LineString", coordinates: [[0, 0], [1, 0], [1, 0]] }).points, 2);
  assert.equal(measurable({ type: "Polygon", coordinates: [[[0, 0], [1, 0], [1, 0], [0, 0]]] }).geometry.type, "LineString");
});

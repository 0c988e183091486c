import assert from "node:assert/strict";
import test from "node:test";
import { alone, cellsFollow, hiddenValues, isOnly, passes, shownValues, toggled, valuesOf, withHidden } from "../../web/app/legend.js";
import { counting, filterOf, filtered, sumOf } from "../../web/app/map/filter.js";

const entry = (value) => ({ value, colour: `light-${value}`, colour_dark: `dark-${value}` });
const layer = { id: "one", style_by: "stage", aggregate_by: "stage", hidden: ["done"], legend: ["new", "open", "done"].map(entry) };
const plain = { id: "two", style_by: null, aggregate_by: null, hidden: [], legend: [entry(null)] };

test("at first what the layer file hides is off", () => {
  assert.deepEqual(hiddenValues(layer, {}), ["done"]);
  assert.deepEqual(shownValues(layer, {}), ["new", "open"]);
  assert.equal(shownValues(plain, {}), null);
  assert.deepEqual(valuesOf({ ...layer, legend: [entry("only")] }), []);
});

test("only what differs from the start is kept", () => {
  const open = toggled(layer, {}, "done");
  assert.deepEqual(open, { one: [] });
  assert.equal(shownValues(layer, open), null);
  assert.deepEqual(toggled(layer, open, "done"), {});
  assert.deepEqual(toggled(layer, { other: ["x"] }, "new"), { other: ["x"], one: ["new", "done"] });
  assert.deepEqual(withHidden(layer, {}, ["unknown", "done"]), {});
});

test("a value alone, and again all", () => {
  const one = alone(layer, {}, "open");
  assert.deepEqual(shownValues(layer, one), ["open"]);
  assert.ok(isOnly(layer, one, "open") && !isOnly(layer, one, "new"));
  assert.deepEqual(alone(layer, one, "open"), { one: [] });
});

test("values that the legend does not know count for nothing", () => {
  assert.equal(shownValues(layer, { one: ["gone"] }), null);
});

test("all off is nothing, not everything", () => {
  assert.deepEqual(shownValues(layer, { one: ["new", "open", "done"] }), []);
  assert.equal(passes(layer, { one: ["new", "open", "done"] }, { stage: "new" }), false);
});

test("what has no value of the legend shows only while all is on", () => {
  assert.equal(passes(layer, { one: [] }, { stage: null }), true);
  assert.equal(passes(layer, {}, { stage: null }), false);
  assert.equal(passes(layer, {}, { stage: "open" }), true);
  assert.equal(passes(plain, {}, {}), true);
});

const sum = ["+", 0, ["coalesce", ["get", "count_new"], 0], ["coalesce", ["get", "count_open"], 0]];
const cells = {
  id: "one/cells", type: "circle", metadata: { "wanmi:layer": "one", "wanmi:part": "cells" },
  paint: { "circle-color": "grey", "circle-radius": ["interpolate", ["linear"], ["log10", ["max", 1, ["get", "count"]]], 0, 4, 4, 17] },
};
const numbers = {
  id: "one/cell-label", type: "symbol", metadata: { "wanmi:layer": "one", "wanmi:part": "cell-label" },
  filter: [">=", ["get", "count"], 10], layout: { "text-field": ["to-string", ["get", "count"]] }, paint: { "text-color": "white" },
};
const line = { id: "one/line", type: "line", metadata: { "wanmi:layer": "one", "wanmi:part": "line" }, filter: ["==", ["geometry-type"], "LineString"] };
const some = filterOf(layer, ["new", "open"], false);

test("with all on the style is the server's", () => {
  for (const part of [cells, numbers, line]) assert.equal(filtered(part, undefined), part);
});

test("single objects are filtered beside the filter of the style", () => {
  const mine = ["in", ["get", "stage"], ["literal", ["new", "open"]]];
  assert.deepEqual(filtered(line, some).filter, ["all", line.filter, mine]);
  assert.deepEqual(filtered({ ...line, filter: undefined }, some).filter, mine);
});

test("cells count what is on, and vanish where that is nothing", () => {
  assert.deepEqual(sumOf(["new", "open"]), sum);
  assert.deepEqual(filtered(cells, some).filter, [">", sum, 0]);
  assert.deepEqual(filtered(cells, some).paint["circle-radius"][2], ["log10", ["max", 1, sum]]);
  assert.equal(filtered(cells, some).paint["circle-color"], "grey");
  assert.deepEqual(filtered(numbers, some).filter, ["all", [">=", sum, 10], [">", sum, 0]]);
  assert.deepEqual(filtered(numbers, some).layout["text-field"], ["to-string", sum]);
  assert.deepEqual(counting(["get", "count_new"], sum), ["get", "count_new"]);
});

test("cells of one value bear its colour", () => {
  assert.equal(filtered(cells, filterOf(layer, ["open"], false)).paint["circle-color"], "light-open");
  assert.equal(filtered(cells, filterOf(layer, ["open"], true)).paint["circle-color"], "dark-open");
  assert.equal(filtered(numbers, filterOf(layer, ["open"], true)).paint["text-color"], "white");
});

test("cells that count another field stay as they are", () => {
  const other = { ...layer, aggregate_by: "kind" };
  assert.equal(cellsFollow(other), false);
  assert.equal(filtered(cells, filterOf(other, ["open"], false)), cells);
  assert.notEqual(filtered(line, filterOf(other, ["open"], false)), line);
});

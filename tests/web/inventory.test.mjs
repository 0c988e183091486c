import assert from "node:assert/strict";
import test from "node:test";
import { CHECKS, changes, extentPicture, matches, sections, sharedArea, sorted } from "../../web/app/inventory.js";

const title = (zh) => ({ zh, en: `${zh} en` });
const dataset = (key, layer, given = {}) => ({
  key, kind: "layer", layer, title: title(key), source: "某局", source_url: null, licence: "CC0", attribution: null, recipe: null, files: ["a.csv"], read: 5, written: 5,
  refused: 0, set_aside: 0, repaired: 0, extent: null, metadata: {}, loaded_at: "2026-11-20T01:00:00+00:00", seconds: 1, ...given,
});
const holding = (id, group, rows, given = {}) => ({ id, title: title(id), group, rows, exact: true, unplaced: 0, ...given });
const data = () => ({
  city: {}, totals: {}, groups: [{ id: "g1", title: title("第一组") }, { id: "g2", title: title("第二组") }, { id: "g3", title: title("第三组") }],
  layers: [holding("lamps", "g1", 12), holding("wild", "g1", 3), holding("bare", "g2", 0), holding("big", "g2", 900, { exact: false })],
  streams: [holding("values", "g1", 50), holding("tracks", null, 0)],
  datasets: [dataset("lamps_a", "lamps"), dataset("lamps_b", "lamps", { written: 6, refused: 1 }), dataset("big_one", "big", { licence: null }),
    dataset("dem", null, { kind: "raster" }), dataset("readings", "values", { kind: "stream", written: 50 })],
});
const ids = (entries) => entries.map((entry) => entry.id);

test("rows stand as the tree has them; what has no group comes last", () => {
  const found = sections(data());
  assert.deepEqual(found.map((section) => [section.id, ids(section.entries), section.vacant.map((item) => item.id)]), [
    ["g1", ["lamps_a", "lamps_b", "layer/wild", "readings"], []], ["g2", ["big_one"], ["bare"]], ["", ["dem"], ["tracks"]],
  ]);
});

test("rows that came or went since the load are told, unless the number is an estimate", () => {
  const all = sections(data()).flatMap((section) => section.entries);
  const of = (id) => all.find((entry) => entry.id === id);
  assert.deepEqual([of("lamps_a").difference, of("lamps_a").shared], [1, 2]);
  assert.equal(of("readings").difference, 0);
  assert.equal(of("big_one").difference, 0);
  assert.equal(of("layer/wild").difference, 0);
});

test("words are looked for in titles, layer, group, source, licence and files", () => {
  const all = sections(data()).flatMap((section) => section.entries);
  const found = (text, check = null) => ids(all.filter((entry) => matches(entry, text, check)));
  assert.deepEqual(found("LAMPS"), ["lamps_a", "lamps_b"]);
  assert.deepEqual(found("第一组 cc0"), ["lamps_a", "lamps_b", "readings"]);
  assert.deepEqual(found("", "faults"), ["lamps_b"]);
  assert.deepEqual(found("", "unrecorded"), ["layer/wild"]);
  assert.deepEqual(found("", "unlicensed"), ["big_one"]);
  assert.deepEqual(found("nowhere"), []);
  assert.equal(all.filter(CHECKS.faults).length, 1);
});

test("sorting puts what is not known last, up and down", () => {
  const all = sections(data()).flatMap((section) => section.entries);
  assert.deepEqual(ids(sorted(all, "rows", true, "zh")).slice(0, 3), ["big_one", "readings", "lamps_a"]);
  assert.equal(ids(sorted(all, "rows", false, "zh"))[0], "layer/wild");
  for (const down of [true, false]) assert.equal(ids(sorted(all, "loaded", down, "zh")).at(-1), "layer/wild");
});

test("what was loaded, taken away or changed since is found", () => {
  const before = data();
  assert.deepEqual(changes(before, data()), { titles: [], rows: false });
  const after = data();
  after.datasets = after.datasets.slice(1);
  after.datasets[0] = { ...after.datasets[0], loaded_at: "2026-11-21T01:00:00+00:00" };
  after.layers[0] = { ...after.layers[0], rows: 13 };
  const found = changes(before, after);
  assert.deepEqual(found.titles.map((name) => name.zh), ["lamps_b", "lamps_a"]);
  assert.equal(found.rows, true);
});

test("the picture keeps the shape on the ground, north up, and the small visible", () => {
  const { outer, inner } = extentPicture([100, 60, 102, 61], [100, 60.5, 101, 61], 60, 42);
  assert.ok(Math.abs(outer.width / outer.height - 2 * Math.cos((60.5 * Math.PI) / 180)) < 1e-9);
  assert.ok(Math.abs(inner.x - outer.x) < 1e-9 && Math.abs(inner.y - outer.y) < 1e-9, "the north-west quarter lies at the upper left");
  assert.ok(Math.abs(inner.width / outer.width - 0.5) < 1e-9);
  assert.deepEqual(extentPicture([100, 60, 102, 61], null, 60, 42).inner, null);
  const dot = extentPicture([100, 60, 102, 61], [101, 60.5, 101, 60.5], 60, 42).inner;
  assert.deepEqual([dot.width, dot.height], [3, 3]);
  const wide = extentPicture([100, 60, 102, 61], [98, 60, 104, 61], 60, 42);
  assert.ok(wide.inner.x >= -1e-9 && wide.inner.x + wide.inner.width <= 60 + 1e-9, "an extent beyond the envelope is drawn whole");
});

test("the share of the envelope is cut at its border", () => {
  assert.equal(sharedArea([0, 0, 2, 2], [1, 1, 9, 9]), 0.25);
  assert.equal(sharedArea([0, 0, 2, 2], [3, 3, 4, 4]), 0);
});

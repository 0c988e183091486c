import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";
import icons from "../../web/vendor/lucide/icons.mjs";
import { cellKey, cellsOf, clashes, lostTargets, rebased, rulesOf, shownCell, withCell } from "../../web/app/admin/matrixcells.js";
import { OFFICE_TEXTS } from "../../web/app/admin/officetexts.js";

const rule = (role, action, target, reach, ...areas) => ({ role, action, target, reach, areas });
const BASE = cellsOf([rule("gis", "read", "@public", "city"), rule("gis", "read", "road", "none"), rule("gis", "read", "@internal", "none")]);
const read = (target) => cellKey("gis", "read", target);

test("a layer shows its own rule, else that of its sensitivity, else nothing", () => {
  const shown = (target, rest) => shownCell(BASE, new Map(), "gis", "read", target, rest);
  assert.deepEqual(shown("park", "@public"), { reach: "city", areas: [], inherited: true, changed: false });
  assert.deepEqual(shown("road", "@public"), { reach: "none", areas: [], inherited: false, changed: false });
  assert.deepEqual(shown("sensor", "@internal"), { reach: "none", areas: [], inherited: true, changed: false });
  assert.deepEqual(shown("@public", null), { reach: "city", areas: [], inherited: false, changed: false });
});

test("a change that is taken back is none", () => {
  let draft = withCell(BASE, new Map(), read("park"), { reach: "area", areas: ["4101"] });
  assert.equal(draft.size, 1);
  assert.deepEqual(shownCell(BASE, draft, "gis", "read", "park", "@public"), { reach: "area", areas: ["4101"], inherited: false, changed: true });
  draft = withCell(BASE, draft, read("park"), null);
  assert.equal(draft.size, 0);
  assert.equal(withCell(BASE, draft, read("@internal"), { reach: "none", areas: [] }).size, 0, "none for a sensitivity is no rule");
  draft = withCell(BASE, draft, read("road"), null);
  assert.equal(shownCell(BASE, draft, "gis", "read", "road", "@public").reach, "city");
});

test("what is published is everything with the changes, without layers that are gone", () => {
  const draft = new Map([[read("@public"), null], [read("park"), { reach: "own", areas: [] }]]);
  assert.deepEqual(rulesOf(BASE, draft, new Set(["park"])), [rule("gis", "read", "park", "own")]);
  assert.deepEqual(lostTargets(BASE, new Set(["park"])), ["road"]);
});

test("of two that change the same cell both are asked", () => {
  const now = cellsOf([rule("gis", "read", "@public", "area"), rule("gis", "read", "road", "none"), rule("gis", "read", "park", "own")]);
  const draft = new Map([[read("@public"), null], [read("park"), { reach: "own", areas: [] }], [read("road"), null]]);
  assert.deepEqual(clashes(BASE, now, draft), [read("@public")]);
  assert.deepEqual([...rebased(now, draft).keys()], [read("@public"), read("road")]);
});

const ADMIN = join(dirname(fileURLToPath(import.meta.url)), "../../web/app/admin");
const mine = readdirSync(ADMIN).filter((name) => name.endsWith(".js")).map((name) => readFileSync(join(ADMIN, name), "utf8")).filter((code) => code.includes("office"));
const code = mine.join("\n");

test("every word of the administrators' screens has both languages, is used and is there", () => {
  const places = (text) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();
  for (const [key, [zh, en]] of Object.entries(OFFICE_TEXTS)) {
    assert.ok(zh && en, key);
    assert.deepEqual(places(zh), places(en), key);
  }
  const used = new Set([...code.matchAll(/"([a-z][a-z0-9_]*)"/g)].map(([, key]) => key));
  assert.deepEqual(Object.keys(OFFICE_TEXTS).filter((key) => !used.has(key)), []);
  assert.deepEqual([...code.matchAll(/\bsay\("([a-z0-9_]+)"/g)].map(([, key]) => key).filter((key) => !(key in OFFICE_TEXTS)), []);
});

test("the administrators' screens ask for icons that are there, and carry no style, handler or outside address", () => {
  assert.deepEqual([...code.matchAll(/(?:icon|name)="([a-z0-9-]+)"/g)].map(([, name]) => name).filter((name) => !(name in icons)), []);
  assert.doesNotMatch(code, /style="[^$]/);
  assert.doesNotMatch(code, /\son[a-z]+="/);
  assert.doesNotMatch(code, /["'`](?:https?:)?\/\/[\w.-]+/);
});

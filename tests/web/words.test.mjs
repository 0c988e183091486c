import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";
import icons from "../../web/vendor/lucide/icons.mjs";
import { LOCALES } from "../../web/app/map/locale.js";
import { TEXTS } from "../../web/app/texts.js";

const WEB = join(dirname(fileURLToPath(import.meta.url)), "../../web");
const modules = ["app", "app/map", "app/panels"].flatMap((folder) => readdirSync(join(WEB, folder)).filter((name) => name.endsWith(".js")).map((name) => join(WEB, folder, name)));
const code = modules.map((path) => readFileSync(path, "utf8")).join("\n");

test("every text has both languages with the same places", () => {
  const places = (text) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();
  for (const [key, [zh, en]] of Object.entries(TEXTS)) {
    assert.ok(zh && en, key);
    assert.deepEqual(places(zh), places(en), key);
  }
});

test("every text is used, and every used text is there", () => {
  const used = new Set([...code.matchAll(/"([a-z][a-z0-9_]*)"/g)].map(([, key]) => key));
  assert.deepEqual(Object.keys(TEXTS).filter((key) => !used.has(key)), []);
  const asked = [...code.matchAll(/\bt\("([a-z0-9_]+)"/g)].map(([, key]) => key);
  assert.deepEqual(asked.filter((key) => !(key in TEXTS)), []);
});

test("every icon is asked for, and every asked icon is there", () => {
  const quoted = new Set([...code.matchAll(/"([a-z0-9-]+)"/g)].map(([, name]) => name));
  assert.deepEqual(Object.keys(icons).filter((name) => !quoted.has(name)), []);
  const asked = [...code.matchAll(/(?:icon|name)="([a-z0-9-]+)"/g)].map(([, name]) => name).filter((name) => name !== "scope");
  assert.deepEqual(asked.filter((name) => !(name in icons)), []);
});

test("MapLibre's own words are all translated", () => {
  const library = readFileSync(join(WEB, "vendor/maplibre-gl/maplibre-gl.mjs"), "utf8");
  const keys = [...library.match(/\{"AttributionControl\.ToggleAttribution":[^}]+\}/)[0].matchAll(/"([A-Za-z]+\.[A-Za-z]+)":/g)].map(([, key]) => key).sort();
  assert.ok(keys.length > 20);
  for (const words of Object.values(LOCALES)) assert.deepEqual(Object.keys(words).sort(), keys);
});

test("no string of markup carries a style, an inline handler or an outside address", () => {
  assert.doesNotMatch(code, /style="[^$]/);
  assert.doesNotMatch(code, /\son[a-z]+="/);
  assert.doesNotMatch(code, /["'`](?:https?:)?\/\/[\w.-]+/);
});

test("the page has exactly one inline script, the import map, and its targets are vendored", () => {
  const page = readFileSync(join(WEB, "index.html"), "utf8");
  const inline = [...page.matchAll(/<script(?![^>]*\bsrc=)([^>]*)>([\s\S]*?)<\/script>/g)];
  assert.equal(inline.length, 1);
  assert.match(inline[0][1], /type="importmap"/);
  for (const target of Object.values(JSON.parse(inline[0][2]).imports)) readFileSync(join(WEB, target.replace("/static/", "")));
  assert.doesNotMatch(page, /style=|https?:\/\//);
});

test("every module of the app is fetched with the page", () => {
  const page = readFileSync(join(WEB, "index.html"), "utf8");
  const preloaded = [...page.matchAll(/rel="modulepreload" href="\/static\/(app\/[^"]+)"/g)].map(([, path]) => join(WEB, path));
  const account = readdirSync(join(WEB, "app/account")).filter((name) => name !== "login.js").map((name) => join(WEB, "app/account", name));
  assert.deepEqual(preloaded.sort(), [...modules.filter((path) => !path.endsWith("app/main.js")), ...account].sort());
});

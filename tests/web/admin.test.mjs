import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";
import icons from "../../web/vendor/lucide/icons.mjs";

const WEB = join(dirname(fileURLToPath(import.meta.url)), "../../web");
const FOLDER = join(WEB, "app/admin");
const files = readdirSync(FOLDER).filter((name) => name.endsWith(".js"));
const code = files.map((name) => readFileSync(join(FOLDER, name), "utf8")).join("\n");
const page = readFileSync(join(WEB, "admin.html"), "utf8");
const entries = [...readFileSync(join(FOLDER, "texts.js"), "utf8").matchAll(/^ {2}([a-z_0-9]+): \["(.*)", "(.*)"\],$/gm)].map(([, key, zh, en]) => ({ key, zh, en }));
const keys = new Set(entries.map(({ key }) => key));

test("every text of the administration has both languages with the same places", () => {
  const places = (text) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();
  assert.ok(entries.length > 50);
  for (const { key, zh, en } of entries) assert.deepEqual(places(zh), places(en), key);
});

test("every text of the administration is used, and every used text is there", () => {
  const used = new Set([...code.matchAll(/"([a-z][a-z0-9_]*)"/g)].map(([, key]) => key));
  const made = ["fact_", "heads_"];
  assert.deepEqual([...keys].filter((key) => !used.has(key) && !made.some((start) => key.startsWith(start))), []);
  const asked = [...code.matchAll(/\bt\("([a-z0-9_]+)"/g)].map(([, key]) => key);
  assert.deepEqual(asked.filter((key) => !keys.has(key)), []);
});

test("every icon that the administration asks for is there", () => {
  const asked = [...code.matchAll(/<\$\{(?:Icon|IconButton|Notice)\}[^>]*?(?:icon|name)="([a-z0-9-]+)"/g)].map(([, name]) => name);
  assert.ok(asked.length > 5);
  assert.deepEqual(asked.filter((name) => !(name in icons)), []);
});

test("no string of markup carries a style, an inline handler or an outside address", () => {
  assert.doesNotMatch(code, /style="[^$]/);
  assert.doesNotMatch(code, /\son[a-z]+="/);
  assert.doesNotMatch(code, /["'`](?:https?:)?\/\/[\w.-]+/);
});

test("the page has one inline script, the import map, and what it names is there", () => {
  const inline = [...page.matchAll(/<script(?![^>]*\bsrc=)[^>]*>([\s\S]*?)<\/script>/g)];
  assert.equal(inline.length, 1);
  const named = [...Object.values(JSON.parse(inline[0][1]).imports), ...[...page.matchAll(/(?:href|src)="(\/static\/[^"]+)"/g)].map(([, path]) => path)];
  assert.deepEqual(named.filter((path) => !existsSync(join(WEB, path.replace("/static/", "")))), []);
  for (const [, name] of code.matchAll(/from "([a-z@][^"]*)"|import\("([a-z@][^"]*)"\)/g)) {
    if (name) assert.ok(name in JSON.parse(inline[0][1]).imports, name);
  }
});

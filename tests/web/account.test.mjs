import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";
import icons from "../../web/vendor/lucide/icons.mjs";
import { describeAgent } from "../../web/app/account/agent.js";
import { localTarget, loginAddress } from "../../web/app/account/next.js";
import { TEXTS } from "../../web/app/account/texts.js";

const ORIGIN = "http://10.0.0.5:8000";
const FOLDER = join(dirname(fileURLToPath(import.meta.url)), "../../web/app/account");
const code = readdirSync(FOLDER).map((name) => readFileSync(join(FOLDER, name), "utf8")).join("\n");

test("log-in leads to pages of this server and to nothing else", () => {
  for (const next of [
    null, "", "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example", "javascript:alert(1)", "/\t/evil.example", "/\n/evil.example",
    " //evil.example", "http:evil.example", "evil.example", "/%2f/..//evil.example@x\\", "//user@evil.example/", "/login", "/login?next=/", "/api/me", "/api/../api/logout", "data:text/html,x",
  ]) {
    const target = new URL(localTarget(next, "", ORIGIN));
    assert.equal(target.origin, ORIGIN, String(next));
    assert.ok(!target.pathname.startsWith("/api/") && target.pathname !== "/login", String(next));
  }
  assert.equal(localTarget("/.//evil.example", "", ORIGIN), `${ORIGIN}//evil.example`);
});

test("the view comes back with its fragment, the address's own or the one that the browser kept", () => {
  assert.equal(localTarget("/?a=1#city=sample", "#old", ORIGIN), `${ORIGIN}/?a=1#city=sample`);
  assert.equal(localTarget("/admin", "#panel=audit", ORIGIN), `${ORIGIN}/admin#panel=audit`);
  const here = { pathname: "/", search: "", hash: "#city=sample&at=14/30.2/120.1" };
  const next = new URL(loginAddress(here), ORIGIN).searchParams.get("next");
  assert.equal(localTarget(next, "", ORIGIN), `${ORIGIN}/#city=sample&at=14/30.2/120.1`);
});

test("devices are named as people know them", () => {
  assert.equal(describeAgent("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 Edg/140.0"), "Edge · Windows");
  assert.equal(describeAgent("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"), "Firefox · Linux");
  assert.equal(describeAgent("Mozilla/5.0 QGIS/34000/Windows 11"), "QGIS · Windows");
  assert.equal(describeAgent(null), "");
});

test("every text has both languages with the same places, is used, and every used one is there", () => {
  const places = (text) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();
  const used = new Set([...code.matchAll(/"([a-z][a-z0-9_]*)"/g)].map(([, key]) => key));
  for (const [key, [zh, en]] of Object.entries(TEXTS)) {
    assert.ok(zh && en && used.has(key), key);
    assert.deepEqual(places(zh), places(en), key);
  }
  for (const [, key] of code.matchAll(/\bt\("([a-z0-9_]+)"/g)) assert.ok(key in TEXTS, key);
  for (const [, name] of code.matchAll(/icon="([a-z0-9-]+)"/g)) assert.ok(name in icons, name);
});

test("no markup carries a style, an inline handler or an outside address", () => {
  const page = readFileSync(join(FOLDER, "../../login.html"), "utf8");
  for (const text of [code, page]) assert.doesNotMatch(text, /style="[^$]|\son[a-z]+="|["'`]https?:\/\/[\w.-]+/);
});

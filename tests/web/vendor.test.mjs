import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { dirname, join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";

const SCRIPT = join(dirname(fileURLToPath(import.meta.url)), "../../web/vendor.mjs");

test("the vendored libraries are what vendor.json says", () => {
  assert.match(execFileSync(process.execPath, [SCRIPT, "--check"], { encoding: "utf8" }), /as vendor\.json says/);
});

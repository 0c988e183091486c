/**
 * Fetches the libraries of the screens by npm and lays them down in `web/vendor/`, with `vendor.json` telling name,
 * version, licence, source entry and sha256 of every file (design §7).
 *
 *   node web/vendor.mjs            fetch again and rewrite web/vendor/
 *   node web/vendor.mjs --check    verify what is committed; opens no connection
 *
 * Files are taken as published, only the pointer to the source map is cut off. Bare imports stay bare: the import map of
 * index.html resolves them. Node is a tool of developers; nothing of this runs on the machine of a city.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

const VENDOR = join(dirname(fileURLToPath(import.meta.url)), "vendor");
const MANIFEST = join(VENDOR, "vendor.json");
const LIMIT = 5 * 1024 * 1024;

/** @typedef {{folder: string, package: string, version: string, files: Record<string, string>, licence?: string}} Source */

/** Target file -> file in the package. @type {Source[]} */
const SOURCES = [
  {
    folder: "maplibre-gl", package: "maplibre-gl", version: "6.17.0",
    files: {
      "maplibre-gl.mjs": "dist/maplibre-gl.mjs",
      "maplibre-gl-worker.mjs": "dist/maplibre-gl-worker.mjs",
      "maplibre-gl.css": "dist/maplibre-gl.css",
    },
    licence: "LICENSE.txt",
  },
  {
    folder: "preact", package: "preact", version: "11.2.0",
    files: { "preact.mjs": "dist/preact.mjs", "hooks.mjs": "hooks/dist/hooks.mjs" }, licence: "LICENSE",
  },
  { folder: "signals-core", package: "@preact/signals-core", version: "1.14.5",
    files: { "signals-core.mjs": "dist/signals-core.mjs" }, licence: "LICENSE" },
  { folder: "signals", package: "@preact/signals", version: "2.11.4",
    files: { "signals.mjs": "dist/signals.mjs" }, licence: "LICENSE" },
  { folder: "htm", package: "htm", version: "3.1.1", files: { "htm.mjs": "dist/htm.mjs" }, licence: "LICENSE" },
  { folder: "terra-draw", package: "terra-draw", version: "1.35.0",
    files: { "terra-draw.mjs": "dist/terra-draw.modern.js" } },
  { folder: "terra-draw-maplibre-gl-adapter", package: "terra-draw-maplibre-gl-adapter", version: "1.4.1",
    files: { "adapter.mjs": "dist/terra-draw-maplibre-gl-adapter.modern.js" } },
  {
    folder: "tabulator", package: "tabulator-tables", version: "6.5.3",
    files: { "tabulator.mjs": "dist/js/tabulator_esm.min.mjs", "tabulator.css": "dist/css/tabulator_simple.min.css" },
    licence: "LICENSE",
  },
  { folder: "lucide", package: "lucide-static", version: "1.62.0", files: {}, licence: "LICENSE" },
];

/** Icons in use; a test compares them with the names that the app asks for. */
const ICONS = [
  "search", "layers", "table-2", "ruler", "camera", "printer", "sun", "moon", "languages", "keyboard", "x",
  "chevron-right", "chevron-down", "chevron-left", "copy", "crosshair", "plus", "minus", "refresh-cw", "triangle-alert",
  "check", "map-pin", "maximize", "spline", "pentagon", "trash-2", "house", "info", "loader-circle", "wifi-off",
  "navigation-2", "inbox", "eye", "history", "sliders-horizontal", "list-checks", "upload", "download", "circle-stop",
  "lock",
];

/** The MIT licence text, for packages that name it but ship no file. @param {string} holder */
const mit = (holder) => `MIT License

Copyright ${holder}

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation
files (the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy,
modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software
is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES
OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE
LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN
CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
`;

/** @param {string|Buffer} content */
const sha256 = (content) => createHash("sha256").update(content).digest("hex");

/** @param {string} text */
const withoutSourceMap = (text) => text.replace(/\n?(\/\/|\/\*)# sourceMappingURL=[^\n]*?(\*\/)?\s*$/, "\n");

/** Every file under a folder, with forward slashes. @param {string} folder @returns {string[]} */
function walk(folder) {
  return readdirSync(folder).sort().flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? walk(path) : [relative(VENDOR, path).split(sep).join("/")];
  });
}

/** Unpacks one package into a temporary folder. @param {Source} source @param {string} temporary */
function unpack(source, temporary) {
  const folder = mkdtempSync(join(temporary, "package-"));
  const name = `${source.package}@${source.version}`;
  const archive = execFileSync("npm", ["pack", "--silent", name], { cwd: folder, encoding: "utf8" }).trim().split("\n").pop();
  execFileSync("tar", ["xzf", archive ?? "", "--strip-components", "1"], { cwd: folder });
  return folder;
}

/** Cuts the icons in use into one module: name -> [tag, attributes] of each shape. @param {string} folder */
function iconModule(folder) {
  const shapes = ICONS.map((name) => {
    const svg = readFileSync(join(folder, "icons", `${name}.svg`), "utf8");
    const parts = [...svg.matchAll(/<(path|circle|rect|line|polyline|polygon|ellipse)\s([^>]*?)\/>/g)].map(([, tag, attributes]) => [
      tag, Object.fromEntries([...attributes.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, key, value]) => [key, value])),
    ]);
    if (!parts.length) throw new Error(`icon ${name} has no shape`);
    return `  ${JSON.stringify(name)}: ${JSON.stringify(parts)},`;
  });
  return `/* Shapes of Lucide icons (ISC), cut out by web/vendor.mjs. */\nexport default {\n${shapes.join("\n")}\n};\n`;
}

/** Fetches one package and writes its files. @param {Source} source @param {string} temporary */
function vendor(source, temporary) {
  const folder = unpack(source, temporary);
  const about = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const target = join(VENDOR, source.folder);
  mkdirSync(target, { recursive: true });
  /** @type {Record<string, {source: string, sha256: string}>} */
  const files = {};
  /** @param {string} name @param {string} origin @param {string} text */
  const write = (name, origin, text) => {
    writeFileSync(join(target, name), text);
    files[`${source.folder}/${name}`] = { source: origin, sha256: sha256(text) };
  };
  for (const [name, origin] of Object.entries(source.files)) write(name, origin, withoutSourceMap(readFileSync(join(folder, origin), "utf8")));
  if (source.package === "lucide-static") write("icons.mjs", "icons/*.svg", iconModule(folder));
  if (source.licence) write("LICENSE", source.licence, readFileSync(join(folder, source.licence), "utf8"));
  else if (about.license === "MIT") write("LICENSE", "package.json: license", mit("2022 James Milner"));
  else throw new Error(`${source.package}: no licence text`);
  return { name: source.package, version: about.version, licence: about.license, files };
}

/** Compares the folder with its manifest; returns what is wrong. @returns {string[]} */
function check() {
  const manifest = JSON.parse(readFileSync(MANIFEST, "utf8"));
  const known = Object.assign({}, ...manifest.packages.map((/** @type {any} */ entry) => entry.files));
  const found = walk(VENDOR).filter((path) => path !== "vendor.json");
  const wrong = [
    ...found.filter((path) => !(path in known)).map((path) => `${path}: not in vendor.json`),
    ...Object.keys(known).filter((path) => !found.includes(path)).map((path) => `${path}: missing`),
    ...found.filter((path) => path in known && sha256(readFileSync(join(VENDOR, path))) !== known[path].sha256).map((path) => `${path}: changed`),
    ...SOURCES.filter((source) => !manifest.packages.some((/** @type {any} */ entry) => entry.name === source.package && entry.version === source.version))
      .map((source) => `${source.package}: not ${source.version}`),
  ];
  const bytes = found.reduce((sum, path) => sum + statSync(join(VENDOR, path)).size, 0);
  if (bytes > LIMIT) wrong.push(`${bytes} bytes, more than ${LIMIT}`);
  return wrong;
}

function fetchAll() {
  const temporary = mkdtempSync(join(tmpdir(), "wanmi-vendor-"));
  try {
    rmSync(VENDOR, { recursive: true, force: true });
    const packages = SOURCES.map((source) => vendor(source, temporary));
    writeFileSync(MANIFEST, `${JSON.stringify({ written_by: "web/vendor.mjs", packages }, null, 2)}\n`);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

if (!process.argv.includes("--check")) fetchAll();
const wrong = check();
for (const line of wrong) console.error(`vendor: ${line}`);
if (wrong.length) process.exit(1);
console.log(`vendor: ${walk(VENDOR).length} files as vendor.json says`);

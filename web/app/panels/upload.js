/** A file for a layer: chosen or dropped, said what it is, tried first. */
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { asApiError } from "../api.js";
import { formatNumber } from "../format.js";
import { t, titled } from "../i18n.js";
import * as work from "../jobs.js";
import * as state from "../state.js";
import { Dialog, html, Icon, IconButton } from "../ui.js";

const file = signal(/** @type {File|null} */ (null));
const over = signal(false);
const trouble = signal(/** @type {{sentence: string, field: string|null}|null} */ (null));

/** @param {number} bytes */
const size = (bytes) => (bytes < 1 << 20 ? `${formatNumber(Math.max(1, Math.round(bytes / 1024)), 0)} KB` : `${formatNumber(bytes / 2 ** 20, 1)} MB`);

/** Refuses at once what the server would refuse after minutes. @param {File} given */
function take(given) {
  const known = work.options.state.peek().data;
  file.value = given;
  trouble.value = null;
  if (!known) return;
  const name = given.name.toLowerCase();
  if (!known.endings.some((/** @type {string} */ ending) => name.endsWith(ending))) trouble.value = { sentence: t(name.endsWith(".shp") ? "upload_shp" : "upload_kind", { endings: known.endings.join(" ") }), field: "file" };
  else if (given.size > known.most_bytes) trouble.value = { sentence: t("upload_large", { most: size(known.most_bytes), size: size(given.size) }), field: "file" };
}

/** @param {DragEvent} event */
function drop(event) {
  event.preventDefault();
  over.value = false;
  const given = event.dataTransfer?.files ?? [];
  if (given.length === 1) take(given[0]);
  else trouble.value = { sentence: t("upload_one"), field: "file" };
}

function Zone() {
  const chosen = file.value;
  const known = work.options.state.value.data;
  return html`<div class=${over.value ? "drop-zone over" : "drop-zone"} onDrop=${drop}
      onDragOver=${(/** @type {DragEvent} */ event) => { event.preventDefault(); over.value = true; }} onDragLeave=${() => { over.value = false; }}>
    <${Icon} name="upload" size=${22} />
    ${chosen ? html`<p><strong>${chosen.name}</strong> <span class="quiet">${size(chosen.size)}</span></p>` : html`<p>${t("upload_drop")}</p>`}
    <label class="button outlined"><span>${t(chosen ? "upload_other" : "upload_choose")}</span>
      <input type="file" class="visually-hidden" id="upload-file" autofocus aria-describedby="upload-kinds" accept=${known?.endings.map((/** @type {string} */ ending) => (ending.endsWith(".gz") ? ".gz" : ending)).join(",")}
        onChange=${(/** @type {Event} */ event) => { const [given] = /** @type {HTMLInputElement} */ (event.target).files ?? []; if (given) take(given); }} /></label>
    <p class="hint" id="upload-kinds">${known ? t("upload_kinds", { endings: known.endings.join(" "), most: size(known.most_bytes) }) : "…"}</p>
  </div>`;
}

/** A field of the form. @param {{field: string, label: string, hint?: string, list?: string, placeholder?: string, lines?: boolean}} properties */
function Field({ field, label, hint, list, placeholder, lines = false }) {
  const wrong = trouble.value?.field === field;
  return html`<label class="field"><span>${label}</span>
    ${lines ? html`<textarea name=${field} rows="3" placeholder=${placeholder} aria-invalid=${wrong}></textarea>` : html`<input type="text" name=${field} list=${list} placeholder=${placeholder} aria-invalid=${wrong} maxlength="1000" autocomplete="off" />`}
    ${hint ? html`<small class="hint">${hint}</small>` : null}</label>`;
}

/** A choice of the form. @param {{field: string, label: string, onChange?: (value: string) => void, children: any}} properties */
function Choice({ field, label, onChange, children }) {
  return html`<label class="field"><span>${label}</span><select name=${field} aria-invalid=${trouble.value?.field === field}
    onChange=${(/** @type {Event} */ event) => onChange?.(/** @type {HTMLSelectElement} */ (event.target).value)}>${children}</select></label>`;
}

const layer = signal(/** @type {string|null} */ (null));
const city = signal(/** @type {string|null} */ (null));

/** What has to be said of every file. */
function Main() {
  const chosen = layer.value ?? state.usualListLayer();
  const groups = state.groups.value.map((group) => ({ group, layers: state.layers.value.filter((item) => item.group === group.id && item.may.includes("edit")) })).filter((item) => item.layers.length);
  const known = /** @type {import("../state.js").City[]} */ (state.cities.state.value.data?.cities ?? []);
  const place = known.find((item) => item.key === (city.value ?? state.cityKey.value)) ?? known[0];
  return html`<div class="fields">
    <${Choice} field="layer" label=${t("upload_layer")} onChange=${(/** @type {string} */ value) => { layer.value = value; }}>
      ${groups.map(({ group, layers }) => html`<optgroup label=${titled(group.title)}>${layers.map((item) => html`<option value=${item.id} selected=${item.id === chosen}>${titled(item.title)}</option>`)}</optgroup>`)}<//>
    <${Choice} field="city" label=${t("city")} onChange=${(/** @type {string} */ value) => { city.value = value; }}>
      ${known.map((item) => html`<option value=${item.key} selected=${item.key === place?.key}>${titled(item.title)}</option>`)}<//>
    <${Field} field="crs" label=${t("upload_crs")} placeholder="EPSG:4490" list="upload-systems" hint=${t("upload_crs_hint")} />
    <datalist id="upload-systems"><option value="EPSG:4490">CGCS2000</option><option value="EPSG:4326">WGS 84</option>
      ${place ? html`<option value=${`EPSG:${place.metric_srid}`}>${titled(place.metric_title)}</option>` : null}</datalist>
    <${Choice} field="datum" label=${t("upload_datum")}><option value="">${t("upload_datum_none")}</option><option value="gcj02">GCJ-02</option><option value="bd09">BD-09</option><//>
  </div>`;
}

function More() {
  const fields = state.layerById.value.get(layer.value ?? state.usualListLayer() ?? "")?.fields ?? [];
  const names = fields.map((field) => `${field.key}（${titled(field.title)}）`).join(t("comma"));
  return html`<details class="more"><summary>${t("upload_more")}</summary><div class="fields">
    <${Field} field="mapping" label=${t("upload_mapping")} lines placeholder=${t("upload_mapping_example")} hint=${names} />
    <${Field} field="constants" label=${t("upload_constants")} lines placeholder=${t("upload_constants_example")} />
    <${Field} field="x" label=${t("upload_x")} /><${Field} field="y" label=${t("upload_y")} />
    <${Field} field="encoding" label=${t("upload_encoding")} placeholder="GB18030" /><${Field} field="source_layer" label=${t("upload_sheet")} />
    <${Field} field="title" label=${t("upload_title")} /><${Field} field="publisher" label=${t("upload_publisher")} /><${Field} field="licence" label=${t("upload_licence")} />
  </div></details>`;
}

/** @param {FormData} given @returns {Record<string, string|string[]>} */
function fieldsOf(given) {
  const lines = (/** @type {string} */ name) => String(given.get(name) ?? "").split("\n").map((line) => line.trim()).filter(Boolean);
  const texts = [...given.entries()].filter(([name, value]) => typeof value === "string" && !["mapping", "constants"].includes(name)).map(([name, value]) => [name, String(value).trim()]);
  return { ...Object.fromEntries(texts), mapping: lines("mapping"), constants: lines("constants"), dry_run: given.has("dry_run") ? "true" : "false" };
}

/** @param {SubmitEvent} event */
async function submit(event) {
  event.preventDefault();
  if (!file.value) { trouble.value = { sentence: t("upload_one"), field: "file" }; return; }
  trouble.value = null;
  try {
    await work.order({ file: file.value, fields: fieldsOf(new FormData(/** @type {HTMLFormElement} */ (event.target))) });
    file.value = null;
  } catch (error) {
    const problem = asApiError(error);
    trouble.value = { sentence: problem.kind === "aborted" ? t("upload_stopped") : problem.sentence, field: problem.problem?.field ?? null };
  }
}

/** The bar while the file is on its way. */
function Sending() {
  const now = work.sending.value;
  if (!now) return null;
  return html`<div class="job-bar sending" role="status"><progress value=${now.total ? now.sent / now.total : undefined} max="1" aria-label=${t("upload_sending")}></progress>
    <span>${now.sent < now.total ? t("upload_sending") : t("upload_sent")}</span><span class="quiet">${size(now.sent)} / ${size(now.total)}</span>
    <${IconButton} icon="circle-stop" label=${t("upload_stop")} onClick=${now.stop} /></div>`;
}

export function Upload() {
  useEffect(() => { void work.options.load(); }, []);
  const reading = work.options.state.value;
  const busy = work.sending.value !== null;
  const close = () => { work.sending.peek()?.stop(); trouble.value = null; if (state.dialog.peek() === "upload") state.dialog.value = null; };
  return html`<${Dialog} title=${t("upload")} kind="upload-page" onClose=${close}>
    <form class="upload" onSubmit=${submit}>
      <div class="upload-body">
      <${Zone} />
      <${Main} />
      <fieldset class="on-bad"><legend>${t("upload_bad")}</legend>
        <label class="choice"><input type="radio" name="on_bad" value="refuse" defaultChecked /><span>${t("upload_refuse")}</span></label>
        <label class="choice"><input type="radio" name="on_bad" value="set_aside" /><span>${t("upload_aside")}</span></label></fieldset>
      <label class="choice"><input type="checkbox" name="dry_run" defaultChecked /><span>${t("upload_dry")}</span></label>
      <${More} />
      </div>
      <footer>
      ${reading.status === "failed" ? html`<p class="problem" role="alert">${reading.error?.sentence} <button type="button" class="link" onClick=${() => work.options.retry()}>${t("retry")}</button></p>` : null}
      ${trouble.value ? html`<p class="problem" role="alert">${trouble.value.sentence}</p>` : null}
      <${Sending} />
      <div class="buttons"><button type="button" class="button" onClick=${() => { state.dialog.value = "jobs"; }}>${t("upload_back")}</button>
        <button type="submit" class="button primary" disabled=${busy || trouble.value?.field === "file"}><${Icon} name="upload" /><span>${t("upload_begin")}</span></button></div></footer>
    </form>
  <//>`;
}

/** Picture and print: a title, with or without legend, seen before it is saved. */
import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { formatMoment } from "../format.js";
import { t, titled } from "../i18n.js";
import { composeSheet, preparePrint, save } from "../map/snapshot.js";
import { announce, city, dialog } from "../state.js";
import { Dialog, html, IconButton, Notice } from "../ui.js";

const title = signal("");
const legend = signal(true);

/** @param {{wanted: {title: string, legend: boolean}}} properties */
function Preview({ wanted }) {
  const box = useRef(/** @type {HTMLElement|null} */ (null));
  const sheet = composeSheet(wanted);
  useEffect(() => {
    if (!sheet || !box.current) return;
    sheet.setAttribute("role", "img");
    sheet.setAttribute("aria-label", t("sheet_preview"));
    box.current.replaceChildren(sheet);
  });
  return sheet ? html`<div class="preview" ref=${box}></div>` : html`<${Notice} icon="triangle-alert" alert text=${t("sheet_failed")} />`;
}

export function Sheet() {
  const place = titled(city.value?.title);
  const wanted = { title: title.value || t("sheet_default", { city: place }), legend: legend.value };
  const store = () => {
    const sheet = composeSheet(wanted);
    const name = t("sheet_file", { city: place, date: formatMoment(Date.now()).replace(/[-:]/g, "").replace(" ", "_") });
    if (!sheet) return announce(t("sheet_failed"));
    return void save(sheet, name).catch(() => announce(t("sheet_failed")));
  };
  const print = () => {
    if (!preparePrint(wanted)) announce(t("sheet_failed"));
    else window.print();
  };
  return html`<${Dialog} title=${t("sheet")} wide onClose=${() => { dialog.value = null; }}>
    <div class="sheet-form">
      <label><span>${t("sheet_title")}</span><input type="text" id="sheet-title" maxlength="60" value=${wanted.title}
        onInput=${(/** @type {Event} */ event) => { title.value = /** @type {HTMLInputElement} */ (event.target).value; }} /></label>
      <label class="choice"><input type="checkbox" checked=${legend.value}
        onChange=${(/** @type {Event} */ event) => { legend.value = /** @type {HTMLInputElement} */ (event.target).checked; }} /><span>${t("sheet_legend")}</span></label>
      <${IconButton} icon="camera" class="primary" autofocus label=${t("sheet_save")} text=${t("sheet_save")} onClick=${store} />
      <${IconButton} icon="printer" class="outlined" label=${t("sheet_print")} text=${t("sheet_print")} onClick=${print} />
    </div>
    <${Preview} wanted=${wanted} />
  <//>`;
}

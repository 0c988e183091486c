/** The jobs panel: one's own long work, the newest first, and what came of the one that is looked at. */
import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { asApiError } from "../api.js";
import { formatDuration, formatMoment, formatNumber } from "../format.js";
import { lang, t, titled } from "../i18n.js";
import * as work from "../jobs.js";
import * as state from "../state.js";
import { Dialog, html, Icon, IconButton, Notice, ReadingState } from "../ui.js";

/** @typedef {import("../jobs.js").Job} Job */

const STATES = /** @type {const} */ ({
  queued: ["job_queued", "history"], running: ["job_running", "loader-circle"], succeeded: ["job_succeeded", "check"],
  failed: ["job_failed", "triangle-alert"], cancelled: ["job_cancelled", "x"],
});

/** @param {{job: Job}} properties */
function State({ job }) {
  const [text, icon] = STATES[job.state];
  const words = job.cancelling ? t("job_cancelling") : job.place ? t("job_place", { place: job.place }) : t(text);
  return html`<span class=${`job-state ${job.state}`}><${Icon} name=${icon} size=${13} spin=${job.state === "running"} /><span>${words}</span></span>`;
}

/** How far a running job is. @param {{job: Job}} properties */
function Bar({ job }) {
  const share = job.total ? Math.min(1, (job.done ?? 0) / job.total) : null;
  const stage = titled(job.stage) || t("job_beginning");
  const count = job.total && job.total > 1 ? `${formatNumber(job.done ?? 0, 0)} / ${formatNumber(job.total, 0)}` : "";
  return html`<div class="job-bar"><progress value=${job.total && job.total > 1 ? share : undefined} max="1" aria-label=${stage}></progress>
    <span>${stage}</span>${count ? html`<span class="quiet">${count}</span>` : null}</div>`;
}

/** @param {{job: Job, on: boolean}} properties */
function Row({ job, on }) {
  return html`<li class=${on ? "job on" : "job"} data-job=${job.id} data-state=${job.state}>
    <button type="button" class="job-open" aria-current=${on ? "true" : undefined} onClick=${() => { work.chosenId.value = job.id; }}>
      <strong>${titled(job.title) || titled(job.kind_title)}</strong>
      <span class="job-line"><${State} job=${job} /><span class="quiet">${formatMoment(job.created_at).slice(5)}</span></span>
      ${job.state === "running" ? html`<${Bar} job=${job} />` : null}
    </button>
    ${work.ended(job) ? null : html`<${IconButton} icon="circle-stop" label=${t("job_cancel", { title: titled(job.title) })} disabled=${job.cancelling} onClick=${() => work.cancel(job.id)} />`}
  </li>`;
}

/** A field as people call it. @param {string} key @param {Job} job */
function fieldName(key, job) {
  const field = state.layerById.peek().get(job.parameters?.layer)?.fields.find((item) => item.key === key);
  return field ? titled(field.title) : key === "geometry" ? t("fault_place") : key;
}

/** All faults that the report names; only the rows in sight are drawn. @param {{rows: import("../jobs.js").Fault[], job: Job}} properties */
function Faults({ rows, job }) {
  const box = useRef(/** @type {HTMLElement|null} */ (null));
  const language = lang.value;
  useEffect(() => {
    /** @type {any} */
    let table = null;
    let gone = false;
    void import("tabulator-tables").then((/** @type {any} */ library) => {
      if (gone || !box.current) return;
      table = new library.TabulatorFull(box.current, {
        data: rows.map((fault, index) => ({ ...fault, id: index, row: fault.row || "", field: fieldName(fault.field, job), said: language === "en" ? fault.en : fault.zh })), height: "100%", layout: "fitColumns",
        renderVertical: "virtual", placeholder: "", columnDefaults: { headerSort: true, formatter: "plaintext", tooltip: true },
        columns: [
          { title: t("fault_row"), field: "row", width: 76, hozAlign: "right" }, { title: t("fault_field"), field: "field", width: 120 },
          { title: t("fault_value"), field: "value", width: 160 }, { title: t("fault_said"), field: "said", minWidth: 200 }, { title: t("fault_rule"), field: "rule", width: 150, cssClass: "mono" },
        ],
      });
      table.on("tableBuilt", () => {
        const holder = box.current?.querySelector(".tabulator-tableholder");
        holder?.setAttribute("role", "rowgroup");
        holder?.setAttribute("aria-label", t("faults"));
        holder?.setAttribute("tabindex", "0");
        box.current?.querySelector(".tabulator-table")?.setAttribute("role", "presentation");
      });
    });
    return () => { gone = true; table?.destroy(); };
  }, [rows, language]);
  return html`<div class="table faults"><div ref=${box}></div></div>`;
}

/** @param {{job: Job}} properties */
function Report({ job }) {
  useEffect(() => { work.report.clear(); if (job.report) void work.report.load(job.id); }, [job.id, job.report]);
  const reading = work.report.state.value;
  const data = reading.data;
  if (!job.report) return null;
  return html`<${ReadingState} reading=${reading} failed=${t("job_report_failed")} onRetry=${() => work.report.retry()} />
    ${data ? html`<div class="faults-head"><h4>${data.faults ? t("faults_count", { count: formatNumber(data.faults, 0) }) : t("faults_none")}</h4>
      ${data.faults > data.rows.length ? html`<span class="hint">${t("faults_first", { count: formatNumber(data.rows.length, 0) })}</span>` : null}
      <a class="button outlined" href=${`/api/jobs/${job.id}/report`} download><${Icon} name="download" /><span>${t("job_report")}</span></a></div>
      ${data.rows.length ? html`<${Faults} rows=${data.rows} job=${job} />` : null}` : null}`;
}

/** @param {{facts: import("../jobs.js").Facts}} properties */
function Facts({ facts }) {
  const fact = (/** @type {string} */ name, /** @type {number} */ value, /** @type {boolean} */ bad = false) => html`<li class=${bad && value ? "bad" : ""}><span>${name}</span><strong>${formatNumber(value, 0)}</strong></li>`;
  return html`<ul class="totals job-facts">${fact(t("job_read"), facts.read)}${fact(t("job_written"), facts.written)}
    ${fact(t("job_refused"), facts.refused, true)}${fact(t("job_aside"), facts.set_aside, true)}</ul>`;
}

const again = signal(/** @type {string|null} */ (null));

/** A dry run that found nothing wrong, or only some rows, can be followed by the real one. @param {{job: Job}} properties */
function WriteNow({ job }) {
  const parcel = work.parcels.get(job.id);
  if (!parcel || !job.parameters?.dry_run || !work.ended(job) || job.state === "cancelled" || job.result?.failed || job.result?.refused === job.result?.read) return null;
  const aside = Boolean(job.result?.refused);
  const run = async () => {
    again.value = null;
    const fields = { ...parcel.fields, dry_run: "false", ...(aside ? { on_bad: "set_aside" } : {}) };
    try { await work.order({ file: parcel.file, fields }); } catch (error) { again.value = asApiError(error).sentence; }
  };
  return html`<div class="write-now"><${IconButton} icon="upload" class="primary" label=${t(aside ? "job_write_good" : "job_write")} text=${t(aside ? "job_write_good" : "job_write")} disabled=${work.sending.value !== null} onClick=${run} />
    <span class="hint">${t(aside ? "job_write_good_hint" : "job_write_hint")}</span>${again.value ? html`<p class="problem" role="alert">${again.value}</p>` : null}</div>`;
}

/** @param {{job: Job}} properties */
function Detail({ job }) {
  const took = job.started_at && job.finished_at ? (Date.parse(job.finished_at) - Date.parse(job.started_at)) / 1000 : null;
  const notes = job.result?.notes ?? [];
  return html`<section class="job-detail" aria-label=${t("job_detail")}>
    <header><h3>${titled(job.title) || titled(job.kind_title)}</h3><${State} job=${job} /></header>
    ${job.state === "running" ? html`<${Bar} job=${job} />` : null}
    ${job.message ? html`<p class=${job.state === "failed" ? "problem" : "said"}>${titled(job.message)}</p>` : null}
    <p class="hint">${t("job_times", { id: job.id, at: formatMoment(job.created_at, true) })}${took === null ? "" : `　${t("job_took", { time: formatDuration(took, lang.value) })}`}${job.attempts > 1 ? `　${t("job_attempts", { count: job.attempts })}` : ""}</p>
    ${job.result && work.ended(job) && job.kind === "import" ? html`<${Facts} facts=${job.result} />` : null}
    <${WriteNow} job=${job} />
    ${notes.length ? html`<details class="notes"><summary>${t("job_notes", { count: notes.length })}</summary><ul>${notes.map((note) => html`<li>${note}</li>`)}</ul></details>` : null}
    <${Report} job=${job} />
  </section>`;
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const rows = work.list.peek();
  if (!step || !rows.length) return;
  event.preventDefault();
  const now = rows.findIndex((job) => job.id === work.chosen.peek()?.id);
  const then = rows[Math.min(rows.length - 1, Math.max(0, now + step))];
  work.chosenId.value = then.id;
  /** @type {HTMLElement|null} */ (document.querySelector(`[data-job="${then.id}"] .job-open`))?.focus();
}

export function Jobs() {
  const reading = work.jobs.state.value;
  const rows = work.list.value;
  const shown = work.chosen.value;
  const writes = state.layers.value.some((layer) => layer.may.includes("edit"));
  const head = !writes ? null : html`<span class="space"></span><${IconButton} icon="upload" class="primary" label=${t("upload")} text=${t("upload")} onClick=${() => { state.dialog.value = "upload"; }} />`;
  const quiet = reading.status === "loading" && rows.length ? { ...reading, status: "ready" } : reading;
  return html`<${Dialog} title=${t("jobs")} kind="jobs-page" head=${head} onClose=${() => { if (state.dialog.peek() === "jobs") state.dialog.value = null; }}>
    <div class="jobs-body" aria-busy=${reading.status === "loading"}>
      ${rows.length && reading.status !== "stale" ? null : html`<${ReadingState} reading=${quiet} failed=${t("jobs_failed")} onRetry=${() => work.jobs.load()} />`}
      ${reading.data && !rows.length ? html`<${Notice} icon="inbox" text=${t("jobs_none")} hint=${t("jobs_none_hint")} />` : null}
      ${rows.length ? html`<div class="jobs-columns"><ul class="jobs" aria-label=${t("jobs")} onKeyDown=${onKey}>${rows.map((job) => html`<${Row} key=${job.id} job=${job} on=${job.id === shown?.id} />`)}</ul>
        ${shown ? html`<${Detail} key=${shown.id} job=${shown} />` : null}</div>` : null}
    </div>
  <//>`;
}

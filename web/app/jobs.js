/** Long work of the person: what runs, how far it is, what came of it; and files on their way to the server. */
import { computed, effect, signal } from "@preact/signals";
import * as api from "./api.js";
import { t, titled } from "./i18n.js";
import { resource } from "./resource.js";
import * as state from "./state.js";

/**
 * @typedef {import("./format.js").Title} Title
 * @typedef {{layer: string, city: string, read: number, written: number, refused: number, set_aside: number, faults: number, failed: boolean,
 *   rules: Record<string, number>, notes: string[], seconds: number}} Facts
 * @typedef {object} Job
 * @property {number} id
 * @property {string} kind
 * @property {Title} kind_title
 * @property {Title} title
 * @property {"queued"|"running"|"succeeded"|"failed"|"cancelled"} state
 * @property {boolean} cancelling
 * @property {number|null} place
 * @property {Title|null} stage
 * @property {number|null} done
 * @property {number|null} total
 * @property {Title|null} message
 * @property {number} attempts
 * @property {string} created_at
 * @property {string|null} started_at
 * @property {string|null} finished_at
 * @property {Record<string, any>} parameters
 * @property {Facts|null} result
 * @property {boolean} report
 * @typedef {{row: number, field: string, value: string, rule: string, zh: string, en: string}} Fault
 * @typedef {{file: File, fields: Record<string, string|string[]>}} Parcel  a file and what is said of it
 */

/** While somebody looks at the list it is read every second, else every few; without unfinished jobs not at all. */
const WATCHED = 1000;
const AWAY = 4000;
/** Tells a page that is opened again that there is something to look after. */
const MARK = "wanmi.jobs";

export const jobs = resource((abort) => /** @type {Promise<{jobs: Job[]}>} */ (api.request("/api/jobs", { signal: abort })));
export const report = resource((abort, /** @type {number} */ id) => /** @type {Promise<{rows: Fault[], faults: number}>} */ (api.request(`/api/jobs/${id}/report`, { signal: abort })));
export const options = resource((abort) => /** @type {Promise<{endings: string[], most_bytes: number}>} */ (api.request("/api/imports/options", { signal: abort })));

export const list = computed(() => /** @type {Job[]} */ (jobs.state.value.data?.jobs ?? []));
export const ended = (/** @type {Job} */ job) => job.finished_at !== null;
export const unfinished = computed(() => list.value.filter((job) => !ended(job)));
/** The job that is looked at. */
export const chosenId = signal(/** @type {number|null} */ (null));
export const chosen = computed(() => list.value.find((job) => job.id === chosenId.value) ?? list.value[0] ?? null);
/** The upload under way: how much of the file has gone. */
export const sending = signal(/** @type {{sent: number, total: number, stop: () => void}|null} */ (null));
/** What was sent in this visit, by job: a dry run can be followed by the real one. @type {Map<number, Parcel>} */
export const parcels = new Map();

/** Puts the list in step with the server, and says when something has ended. */
export function linkJobs() {
  let timer = 0;
  /** @type {Set<number>} */
  let before = new Set();
  effect(() => {
    const reading = jobs.state.value;
    const open = state.dialog.value === "jobs";
    window.clearTimeout(timer);
    if (reading.status === "loading" || reading.status === "refreshing") return;
    const waiting = unfinished.peek();
    if (waiting.length || (open && reading.status !== "ready")) timer = window.setTimeout(() => void jobs.load(), open ? WATCHED : AWAY);
  });
  effect(() => {
    if (jobs.state.value.status !== "ready") return;
    for (const job of list.peek()) if (ended(job) && before.has(job.id)) tell(job);
    before = new Set(unfinished.peek().map((job) => job.id));
    if (before.size) window.sessionStorage.setItem(MARK, "1");
    else window.sessionStorage.removeItem(MARK);
  });
  effect(() => { if (state.dialog.value === "jobs") void jobs.load(); });
  if (window.sessionStorage.getItem(MARK)) void jobs.load();
}

/** @param {Job} job */
function tell(job) {
  const said = /** @type {const} */ ({ succeeded: "job_told_succeeded", failed: "job_told_failed", cancelled: "job_told_cancelled" });
  const key = said[/** @type {keyof typeof said} */ (job.state)];
  if (key) state.announce(t(key, { title: titled(job.title) }), 8000);
  if (job.result?.written) state.revision.value = state.revision.peek() + 1;
}

/** @param {number} id */
export async function cancel(id) {
  try {
    await api.request(`/api/jobs/${id}/cancel`, { body: {} });
  } catch (error) {
    state.announce(api.asApiError(error).sentence);
  }
  await jobs.load();
}

/**
 * Sends a file with what is said of it; fetch tells nothing of how much has gone, so this is the older way.
 * @param {Parcel} parcel @returns {Promise<Job>}
 */
function send({ file, fields }) {
  const form = new FormData();
  for (const [key, value] of Object.entries(fields)) for (const one of [value].flat()) if (one !== "") form.append(key, one);
  // last, so that a wrong field is known before the file is sent
  form.append("file", file, file.name);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", "/api/imports");
    request.setRequestHeader(...api.csrfHeader());
    request.responseType = "json";
    request.upload.onprogress = (event) => { sending.value = { sent: event.loaded, total: event.total, stop }; };
    request.onload = () => (request.status === 202 ? resolve(request.response) : reject(new api.ApiError("http", { status: request.status, problem: request.response })));
    request.onerror = () => reject(new api.ApiError("offline"));
    request.onabort = () => reject(new api.ApiError("aborted"));
    const stop = () => request.abort();
    sending.value = { sent: 0, total: file.size, stop };
    request.send(form);
  });
}

/** Sends a file and shows its job. @param {Parcel} parcel @throws {api.ApiError} */
export async function order(parcel) {
  try {
    const job = await send(parcel);
    parcels.set(job.id, parcel);
    chosenId.value = job.id;
    await jobs.load();
    state.dialog.value = "jobs";
  } finally {
    sending.value = null;
  }
}

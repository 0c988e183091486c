/** Theme and language, common to all pages: remembered on this machine, shown on the document. */
import { effect, signal } from "@preact/signals";
import { lang } from "./i18n.js";

export const theme = signal(/** @type {"light"|"dark"} */ ("light"));

const remembered = (/** @type {string} */ key) => { try { return window.localStorage.getItem(`wanmi.${key}`); } catch { return null; } };
const remember = (/** @type {string} */ key, /** @type {string} */ value) => { try { window.localStorage.setItem(`wanmi.${key}`, value); } catch { /* private window */ } };

/** Takes over what was chosen on this machine before; the theme otherwise as the system has it. */
export function recallLook() {
  const wish = remembered("theme") ?? (window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  theme.value = wish === "dark" ? "dark" : "light";
  lang.value = remembered("lang") === "en" ? "en" : "zh";
}

/** Keeps document and memory in step with both. @param {() => string} title of the page, in the language of the screen */
export function showLook(title) {
  effect(() => {
    document.documentElement.dataset.theme = theme.value;
    remember("theme", theme.value);
  });
  effect(() => {
    document.documentElement.lang = lang.value === "en" ? "en" : "zh-CN";
    document.title = title();
    remember("lang", lang.value);
  });
}

export const toggleTheme = () => { theme.value = theme.peek() === "dark" ? "light" : "dark"; };
export const toggleLanguage = () => { lang.value = lang.peek() === "zh" ? "en" : "zh"; };

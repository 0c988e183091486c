/** How the page looks: theme and language. */
import { effect } from "@preact/signals";
import { lang } from "../i18n.js";
import { theme } from "../state.js";
import { t } from "./texts.js";

const remembered = (/** @type {string} */ key) => { try { return window.localStorage.getItem(`wanmi.${key}`); } catch { return null; } };
const remember = (/** @type {string} */ key, /** @type {string} */ value) => { try { window.localStorage.setItem(`wanmi.${key}`, value); } catch { /* private window */ } };

/** Theme and language are those of the one-map on this machine. */
export function linkLook() {
  const wish = remembered("theme") ?? (window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  theme.value = wish === "dark" ? "dark" : "light";
  lang.value = remembered("lang") === "en" ? "en" : "zh";
  effect(() => {
    document.documentElement.dataset.theme = theme.value;
    remember("theme", theme.value);
  });
  effect(() => {
    document.documentElement.lang = lang.value === "en" ? "en" : "zh-CN";
    document.title = `${t("brand")} · ${t("screen")}`;
    remember("lang", lang.value);
  });
}

export const toggleTheme = () => { theme.value = theme.peek() === "dark" ? "light" : "dark"; };
export const toggleLanguage = () => { lang.value = lang.peek() === "zh" ? "en" : "zh"; };

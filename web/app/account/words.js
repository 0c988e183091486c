/** Words of log-in and of one's own account in the language of the screen. */
import { wordsOf } from "../i18n.js";
import { TEXTS } from "./texts.js";

/** A text of this folder's table. */
export const t = wordsOf(TEXTS);

/** What looks up the words of the screens for accounts, rules and grants. */
import { wordsOf } from "../i18n.js";
import { OFFICE_TEXTS } from "./officetexts.js";

export const say = wordsOf(OFFICE_TEXTS);

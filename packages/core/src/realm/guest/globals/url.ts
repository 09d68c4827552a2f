/** `URL` and `URLSearchParams`: core-js's implementation of the URL Standard, which needs nothing but the language. */
import RealmURL from "core-js-pure/web/url.js";
import RealmURLSearchParams from "core-js-pure/web/url-search-params.js";
import { defineGlobal } from "./define.ts";

export function installURL(): void {
  // core-js keeps its state where several copies of it would find it; the program must not.
  Reflect.deleteProperty(globalThis, "__core-js_shared__");
  Object.defineProperty(RealmURL, "name", { value: "URL", configurable: true });
  Object.defineProperty(RealmURLSearchParams, "name", { value: "URLSearchParams", configurable: true });
  defineGlobal("URL", RealmURL);
  defineGlobal("URLSearchParams", RealmURLSearchParams);
}

/** Puts the realm's globals in place. One concern a file; this one says which there are, and in what order. */
import { realmConsole } from "../console.ts";
import { installBase64 } from "./base64.ts";
import { installBaseline } from "./baseline.ts";
import { installDate } from "./date.ts";
import { defineGlobal } from "./define.ts";
import { installDOMException } from "./dom-exception.ts";
import { installErrorStack } from "./error-stack.ts";
import { installForbidden } from "./forbidden.ts";
import { installIntl } from "./intl.ts";
import { installMicrotask } from "./microtask.ts";
import { installPerformance } from "./performance.ts";
import { installRandom } from "./random.ts";
import { installStructuredClone } from "./structured-clone.ts";
import { installTextEncoding } from "./text-encoding.ts";
import { installURL } from "./url.ts";

/** Replaces what would make a replay differ, and adds what a bare realm lacks. */
export function installGlobals(): void {
  installBaseline();
  installErrorStack();
  installDOMException();
  installIntl();
  installDate();
  installRandom();
  installPerformance();
  installMicrotask();
  installTextEncoding();
  installBase64();
  installStructuredClone();
  installURL();
  installForbidden();
  defineGlobal("console", realmConsole);
}

/**
 * Runs one input and judges what it does.
 *
 * J1. Reading gives a value or an `UndecodableError`, and nothing else.
 * J2. No prototype, no built-in object and no global is changed by it (`prototypes.ts`; asked after each one).
 * J3. No code of the input runs, and a value holds no function, symbol or accessor.
 * J4. It takes 250 ms and 100 ms per MiB at most, and its memory fits into the heap of the process.
 * J5. What was decoded can be encoded, and comes back the same, identity included.
 * J6. A value that can be stored comes back the same, on the host and through the realm; within any limits.
 * J7. A payload that was changed without its checksum is refused.
 */
import { SerializationError, UndecodableError } from "@perdure/errors";
import { type CodecLimits, encode, inputDigest, packPayload } from "@perdure/serde";
import { takeCanaryCalls } from "./canary.ts";
import { FoundCode, fingerprint } from "./fingerprint.ts";
import { GuestRealm } from "./guest-realm.ts";
import type { Input, TextInput } from "./input.ts";
import type { Subject } from "./subject.ts";

/** What a violation is of. */
export type Rule =
  | "typed error"
  | "pollution"
  | "code"
  | "time"
  | "memory"
  | "identity"
  | "round trip"
  | "checksum"
  | "realm";

/** One of the rules does not hold. */
export class Violation extends Error {
  override name = "Violation";
  readonly rule: Rule;

  constructor(found: string, options: { readonly rule: Rule; readonly cause?: unknown }) {
    super(found, options);
    this.rule = options.rule;
  }
}

/** How an execution ended. */
export interface Verdict {
  readonly ending: "decoded" | "refused";
  /** Bytes of the input, and the longest time that one call for it took. */
  readonly bytes: number;
  readonly ms: number;
}

/** Milliseconds that one call may take for an input of this size. */
export function timeLimit(bytes: number): number {
  return floorMs + (msPerMiB * bytes) / 2 ** 20;
}

const floorMs = 250;
const msPerMiB = 100;

type Attempt<T> = { readonly ok: true; readonly value: T } | { readonly ok: false };

const refused = { ok: false } as const;

/** What can differ between the host and the realm: URLs of another implementation, and types that only one has. */
const unequalTypes = /URL|DOMException|SuppressedError|Float16Array/;

// A realm is as good as new after every value; one that met a defect is not.
const valuesPerRealm = 5_000;

/** Judges one input after the other. */
export class Judge {
  readonly #subject: Subject;
  readonly #now: () => number;
  #guest: GuestRealm | undefined;
  #guestValues = 0;
  #ms = 0;

  /** `now` is the clock, in milliseconds. */
  constructor(subject: Subject, now: () => number) {
    this.#subject = subject;
    this.#now = now;
  }

  /** Runs the input. Throws {@link Violation}. */
  run(input: Input): Verdict {
    this.#ms = 0;
    const ending = this.#run(input) ? "decoded" : "refused";
    if (takeCanaryCalls() > 0) throw new Violation("a call that only the input names", { rule: "code" });
    return { ending, bytes: sizeOf(input), ms: this.#ms };
  }

  #run(input: Input): boolean {
    switch (input.kind) {
      case "valid":
        return this.#valid(input.value);
      case "limits":
        return this.#limits(input.value, input.limits);
      case "stale":
        return this.#stale(input.bytes, input.original);
      case "resealed":
        return this.#payload(input.bytes);
      case "primitive":
        return this.#primitive(input.text);
      case "bundle":
        return this.#bundle(input.bytes);
      case "guest":
        return this.#throughRealm(input);
      default:
        return this.#text(input.text, input.blobs, input.takeBlobs);
    }
  }

  #attempt<T>(what: string, job: () => T, is: (error: unknown) => boolean = UndecodableError.is): Attempt<T> {
    const start = this.#now();
    try {
      return { ok: true, value: job() };
    } catch (error) {
      if (is(error)) return refused;
      throw new Violation(
        `${what} throws ${error instanceof Error ? `${error.name}: ${error.message}` : typeof error}`,
        { rule: "typed error", cause: error },
      );
    } finally {
      this.#ms = Math.max(this.#ms, this.#now() - start);
    }
  }

  #valid(value: unknown): boolean {
    const before = fingerprint(value);
    const encoded = encode(value);
    const parts = this.#attempt("unpackPayload", () => this.#subject.unpackPayload(packPayload(encoded)));
    if (!parts.ok) throw new Violation("the payload of a valid value is refused", { rule: "round trip" });
    const { text, blobs } = parts.value;
    const back = this.#attempt("decode", () => this.#subject.decode(text, blobs));
    if (!back.ok) throw new Violation("the text of a valid value is refused", { rule: "round trip" });
    expectSame("round trip", before, this.#fingerprint(back.value));
    const again = encode(back.value);
    const same =
      again.text === encoded.text && inputDigest(again.text, again.blobs) === inputDigest(encoded.text, encoded.blobs);
    if (!same) throw new Violation("the text of the decoded value differs", { rule: "round trip" });
    return true;
  }

  #limits(value: unknown, limits: CodecLimits): boolean {
    const encoded = this.#attempt("encode", () => this.#subject.encode(value, { limits }), SerializationError.is);
    if (!encoded.ok) return false;
    const { text, blobs } = encoded.value;
    const back = this.#attempt("decode", () => this.#subject.decode(text, blobs, { limits }));
    if (!back.ok) throw new Violation("what was written within limits is refused within them", { rule: "round trip" });
    expectSame("round trip", fingerprint(value), this.#fingerprint(back.value));
    return true;
  }

  #stale(bytes: Uint8Array, original: Uint8Array): boolean {
    const isChanged = !Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).equals(original);
    const parts = this.#attempt("unpackPayload", () => this.#subject.unpackPayload(bytes));
    if (parts.ok && isChanged) throw new Violation("changed bytes are read", { rule: "checksum" });
    return parts.ok;
  }

  #payload(bytes: Uint8Array): boolean {
    const parts = this.#attempt("unpackPayload", () => this.#subject.unpackPayload(bytes));
    return parts.ok && this.#text(parts.value.text, parts.value.blobs, false);
  }

  #primitive(text: string): boolean {
    const short = this.#attempt("decodePrimitive", () => this.#subject.decodePrimitive(text));
    const long = this.#attempt("decode", () => this.#subject.decode(text, [], { limits: {} }));
    if (!short.ok) throw new Violation("decodePrimitive throws", { rule: "typed error" });
    if (!short.value.hit) return long.ok;
    if (!long.ok) throw new Violation("the short way reads what the codec refuses", { rule: "round trip" });
    expectSame("round trip", this.#fingerprint(short.value.value), this.#fingerprint(long.value));
    return true;
  }

  #bundle(bytes: Uint8Array): boolean {
    const held = this.#attempt("unpackBundle", () => this.#subject.unpackBundle(bytes));
    if (!held.ok) return false;
    const { id, guest, code } = held.value;
    if (!id.startsWith("bndl_") || typeof guest !== "string" || typeof code !== "string") {
      throw new Violation("a bundle without its parts", { rule: "round trip" });
    }
    return true;
  }

  #text(text: string, blobs: readonly Uint8Array[], takeBlobs: boolean): boolean {
    const first = this.#attempt("decode", () => this.#subject.decode(text, blobs, { takeBlobs }));
    if (!first.ok) return false;
    // Of a large value the canonical text has to do: it is as strict, and bounded.
    const isSmall = text.length < 64 * 1024;
    const before = isSmall ? this.#fingerprint(first.value) : "";
    const written = this.#encodeAgain(first.value);
    const second = this.#attempt("decode", () => this.#subject.decode(written.text, written.blobs));
    if (!second.ok) throw new Violation("a decoded value that was encoded is refused", { rule: "identity" });
    if (isSmall) expectSame("identity", before, this.#fingerprint(second.value));
    if (this.#encodeAgain(second.value).text !== written.text)
      throw new Violation("the second text differs", { rule: "identity" });
    return true;
  }

  #encodeAgain(value: unknown): ReturnType<Subject["encode"]> {
    const encoded = this.#attempt("encode", () => this.#subject.encode(value), SerializationError.is);
    if (!encoded.ok) throw new Violation("a decoded value cannot be encoded", { rule: "identity" });
    return encoded.value;
  }

  #throughRealm(input: TextInput): boolean {
    const { text, blobs } = input;
    const guest = this.#realm();
    const passed = this.#attempt("the realm", () => guest.pass(text, blobs));
    if (!guest.isClean()) throw new Violation("the realm is no longer frozen", { rule: "pollution" });
    if (!passed.ok) throw new Violation("the realm throws", { rule: "typed error" });
    const there = passed.value;
    if (there.kind === "failed")
      throw new Violation(`the realm cannot encode what it decoded (${there.code})`, { rule: "identity" });
    const here = this.#attempt("decode", () => this.#subject.decode(text, blobs));
    if (unequalTypes.test(text)) return there.kind === "returned";
    if (here.ok !== (there.kind === "returned")) {
      throw new Violation(`the host ${here.ok ? "reads" : "refuses"} what the realm does not`, { rule: "realm" });
    }
    if (here.ok && there.kind === "returned" && this.#encodeAgain(here.value).text !== there.text) {
      throw new Violation("the realm writes another text than the host", { rule: "realm" });
    }
    return here.ok;
  }

  #realm(): GuestRealm {
    if (this.#guestValues % valuesPerRealm === 0) this.#guest = new GuestRealm();
    this.#guestValues++;
    return this.#guest as GuestRealm;
  }

  #fingerprint(value: unknown): string {
    try {
      return fingerprint(value);
    } catch (error) {
      if (!(error instanceof FoundCode)) throw error;
      throw new Violation(`a decoded value holds ${error.message}`, { rule: "code", cause: error });
    }
  }
}

function expectSame(rule: Rule, before: string, after: string): void {
  if (before === after) return;
  let at = 0;
  while (before[at] === after[at]) at++;
  const around = (text: string): string => JSON.stringify(text.slice(Math.max(0, at - 60), at + 60));
  throw new Violation(`the value came back as another: ${around(before)} is ${around(after)}`, { rule });
}

/** Bytes of an input; of a valid value none are known before it is encoded. */
function sizeOf(input: Input): number {
  if ("bytes" in input) return input.bytes.length;
  return "text" in input ? input.text.length : 0;
}

/** Builds a `URL` or a `URLSearchParams` from its text. */
export type TextConstructor = new (text: string) => object;

/**
 * The constructors that decoding takes from its surroundings, because they are no part of the language and a bare realm
 * does not have them. Classes of the user's own that know how to be stored will be registered here too.
 */
export interface TypeRegistry {
  /** Default: `globalThis.URL`, looked up when the first one is decoded. */
  readonly URL?: TextConstructor;
  /** Default: `globalThis.URLSearchParams`, looked up when the first one is decoded. */
  readonly URLSearchParams?: TextConstructor;
}

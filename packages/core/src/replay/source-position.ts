/** From places in a bundle to places in the user's files, by the bundle's source map. For people only. */
import { SourceMap } from "node:module";
import type { HeldBundle } from "../realm/bundle.ts";
import { bundleFile } from "../realm/realm.ts";

/** A text with stacks in it, each place of the bundle replaced by `file:line:column` of the user's source. */
export function mapStack(stack: string, bundle: HeldBundle): string {
  return replacePlaces(stack, bundle, (source) => source);
}

/** The same for an encoded value, whose strings are written as JSON writes them. */
export function mapEncodedStacks(text: string, bundle: HeldBundle): string {
  return replacePlaces(text, bundle, (source) => JSON.stringify(source).slice(1, -1));
}

function replacePlaces(text: string, bundle: HeldBundle, write: (source: string) => string): string {
  const file = bundleFile(bundle.id);
  if (!text.includes(file)) return text;
  return text.replaceAll(placePattern(file), (place, line: string, column: string) => {
    const source = sourceOf(bundle, Number(line), Number(column));
    return source === null ? place : write(source);
  });
}

/**
 * The place in the user's source that a stack of the bundle leads to, as `file:line:column`; null when there is none.
 * `skip` leaves out that many places from the top, unless there are no others.
 */
export function sourceOfStack(stack: string, bundle: HeldBundle, skip = 0): string | null {
  const places = [...stack.matchAll(placePattern(bundleFile(bundle.id)))];
  for (const [, line, column] of places.slice(Math.min(skip, places.length - 1))) {
    const source = sourceOf(bundle, Number(line), Number(column));
    if (source !== null) return source;
  }
  return null;
}

const placePattern = (file: string): RegExp => new RegExp(`${file.replaceAll(".", "\\.")}:(\\d+):(\\d+)`, "g");

const maps = new WeakMap<HeldBundle, SourceMap | null>();

function sourceOf(bundle: HeldBundle, line: number, column: number): string | null {
  const map = mapOf(bundle);
  if (map === null) return null;
  const entry = map.findEntry(line - 1, column - 1);
  if (!("originalSource" in entry) || entry.originalSource === undefined) return null;
  return `${entry.originalSource}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
}

function mapOf(bundle: HeldBundle): SourceMap | null {
  let map = maps.get(bundle);
  if (map === undefined) {
    map = bundle.map === null ? null : new SourceMap(JSON.parse(bundle.map));
    maps.set(bundle, map);
  }
  return map;
}

/** From places in a bundle to places in the user's files, by the bundle's source map. For people only. */
import { SourceMap } from "node:module";
import type { HeldBundle } from "../realm/bundle.ts";
import { bundleFile } from "../realm/realm.ts";

/** A text with stacks in it, each place of the bundle replaced by `file:line:column` of the user's source. */
export function mapStack(stack: string, bundle: HeldBundle): string {
  const file = bundleFile(bundle.id);
  if (!stack.includes(file)) return stack;
  return stack.replaceAll(placePattern(file), (place, line: string, column: string) => {
    return sourceOf(bundle, Number(line), Number(column)) ?? place;
  });
}

/** The first place in a stack that belongs to the user's source, as `file:line:column`; null when there is none. */
export function sourceOfStack(stack: string, bundle: HeldBundle): string | null {
  for (const [, line, column] of stack.matchAll(placePattern(bundleFile(bundle.id)))) {
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

import fc from "fast-check";
import { expect, test } from "vitest";
import { decode } from "./decode.ts";
import { encode } from "./encode.ts";

/**
 * Values with arbitrary sharing and cycles: a list of nodes, each of which may hold any of the others. The value that
 * comes back must have the same parts, joined in the same way, and no others.
 */

type NodeKind = "object" | "null-proto" | "array" | "map" | "set" | "error" | "view";
interface NodePlan {
  readonly kind: NodeKind;
  readonly links: readonly number[];
  readonly leaf: unknown;
}

const leaf = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.double(),
  fc.bigInt(),
  fc.boolean(),
  fc.constantFrom(null, undefined, -0),
  fc.date({ noInvalidDate: false }),
  fc.webUrl().map((text) => new URL(text)),
  fc.constantFrom(/a/g, /\//u),
);

const plan: fc.Arbitrary<NodePlan> = fc.record({
  kind: fc.constantFrom<NodeKind>("object", "null-proto", "array", "map", "set", "error", "view"),
  links: fc.array(fc.nat(20), { maxLength: 4 }),
  leaf,
});

function buildGraph(plans: readonly NodePlan[]): unknown[] {
  const memory = new ArrayBuffer(64);
  const nodes = plans.map(({ kind }, index) => emptyNode(kind, memory, index));
  for (const [index, { links, leaf: own }] of plans.entries()) {
    const parts: unknown[] = links.map((link) => nodes[link % nodes.length]);
    fillNode(nodes[index] as object, [own, ...parts]);
  }
  return nodes;
}

function emptyNode(kind: NodeKind, memory: ArrayBuffer, index: number): object {
  switch (kind) {
    case "object":
      return {};
    case "null-proto":
      return Object.create(null);
    case "array":
      return [];
    case "map":
      return new Map();
    case "set":
      return new Set();
    case "error":
      return index % 2 === 0 ? new RangeError(`error ${index}`) : new AggregateError([], `error ${index}`);
    case "view":
      return new Uint16Array(memory, (index % 16) * 2, index % 8);
  }
}

function fillNode(node: object, parts: readonly unknown[]): void {
  if (ArrayBuffer.isView(node)) return;
  if (Array.isArray(node)) node.push(...parts);
  else if (node instanceof Set) for (const part of parts) node.add(part);
  else if (node instanceof Map) for (const part of parts) node.set(part, parts[0]);
  else if (node instanceof AggregateError) node.errors = [...parts];
  else
    for (const [index, part] of parts.entries()) Object.assign(node, { [index === 1 ? "cause" : `p${index}`]: part });
}

/** A text that is equal for two values when there is a one-to-one map between their parts. */
function fingerprint(root: unknown): string {
  const seen = new Map<unknown, number>();
  const lines: string[] = [];
  const visit = (value: unknown): string => {
    if (typeof value !== "object" || value === null)
      return `${typeof value} ${Object.is(value, -0) ? "-0" : String(value)}`;
    const known = seen.get(value);
    if (known !== undefined) return `#${known}`;
    const id = seen.size;
    seen.set(value, id);
    const parts = partsOf(value).map(visit);
    lines.push(
      `#${id} ${Object.prototype.toString.call(value)} ${Object.getPrototypeOf(value) === null} ${parts.join("|")}`,
    );
    return `#${id}`;
  };
  visit(root);
  return lines.join("\n");
}

function partsOf(value: object): unknown[] {
  if (value instanceof Date) return [value.getTime()];
  if (value instanceof RegExp || value instanceof URL) return [String(value)];
  if (value instanceof Map) return [...value].flat();
  if (value instanceof Set) return [...value];
  if (ArrayBuffer.isView(value)) return [...(value as Uint16Array), value.buffer];
  if (value instanceof ArrayBuffer) return [];
  const parts: unknown[] = Object.entries(value).flat();
  if (!(value instanceof Error)) return parts;
  const errors: unknown = Object.hasOwn(value, "errors") ? (value as AggregateError).errors : "none";
  const cause = Object.hasOwn(value, "cause") ? value.cause : "none";
  const others = Object.entries(value).filter(([key]) => key !== "cause");
  return [value.constructor.name, value.name, value.message, value.stack, cause, errors, ...others.flat()];
}

test("any graph comes back with the same parts, joined in the same way", () => {
  fc.assert(
    fc.property(fc.array(plan, { minLength: 1, maxLength: 12 }), (plans) => {
      const graph = buildGraph(plans);
      const { text, blobs } = encode(graph);
      const back = decode(text, blobs);
      expect(fingerprint(back)).toBe(fingerprint(graph));
      expect(encode(back).text).toBe(text);
    }),
    { numRuns: 1_500 },
  );
});

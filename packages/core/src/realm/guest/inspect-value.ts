/**
 * Values as text for console lines, close to what Node prints and much smaller. Never throws and never calls a getter: a
 * line must not change what the program does.
 */

const depthMax = 3;
const itemsMax = 100;
const textMax = 10_000;

/** One console line: texts as they are, everything else inspected, separated by spaces; `%s %d %i %f %j %o %O %%` filled in. */
export function formatLine(values: readonly unknown[]): string {
  const rest = [...values];
  const parts: string[] = [];
  if (typeof rest[0] === "string" && rest.length > 1) parts.push(fillIn(rest.shift() as string, rest));
  for (const value of rest) parts.push(typeof value === "string" ? value : inspectValue(value));
  const line = parts.join(" ");
  return line.length > textMax ? `${line.slice(0, textMax)}… (${line.length} characters)` : line;
}

function fillIn(template: string, values: unknown[]): string {
  return template.replaceAll(/%[sdifjoOc%]/g, (mark) => {
    if (mark === "%%") return "%";
    if (values.length === 0) return mark;
    return fillMark(mark, values.shift());
  });
}

function fillMark(mark: string, value: unknown): string {
  if (mark === "%s") return typeof value === "string" ? value : inspectValue(value);
  if (mark === "%c") return "";
  if (mark === "%d" || mark === "%i" || mark === "%f") return numberText(mark, value);
  return inspectValue(value);
}

function numberText(mark: string, value: unknown): string {
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value !== "number" && typeof value !== "string") return "NaN";
  return String(mark === "%i" ? Number.parseInt(String(value), 10) : Number(value));
}

/** A value as text. */
function inspectValue(value: unknown): string {
  try {
    return inspect(value, 0, []);
  } catch {
    return "[value that cannot be inspected]";
  }
}

function inspect(value: unknown, depth: number, path: readonly object[]): string {
  switch (typeof value) {
    case "string":
      return depth === 0 ? value : quote(value);
    case "bigint":
      return `${value}n`;
    case "number":
      return Object.is(value, -0) ? "-0" : String(value);
    case "function":
      return value.name === "" ? "[Function (anonymous)]" : `[Function: ${value.name}]`;
    case "object":
      return value === null ? "null" : inspectObject(value, depth, path);
    default:
      return String(value);
  }
}

function quote(text: string): string {
  const escaped = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"');
  return `'${escaped.replaceAll("'", "\\'")}'`;
}

function inspectObject(value: object, depth: number, path: readonly object[]): string {
  if (path.includes(value)) return "[Circular]";
  if (value instanceof Error) return inspectError(value, depth, path);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
  if (value instanceof RegExp) return String(value);
  if (value instanceof Promise) return "Promise {}";
  if (depth > depthMax) return Array.isArray(value) ? "[Array]" : `[${nameOf(value) ?? "Object"}]`;
  const inner = [...path, value];
  if (Array.isArray(value))
    return brackets(
      "[",
      value.map((item) => inspect(item, depth + 1, inner)),
      "]",
    );
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    const items = Array.from(value as unknown as ArrayLike<unknown>).slice(0, itemsMax + 1);
    return `${nameOf(value)} ${brackets("[", items.map(String), "]")}`;
  }
  if (value instanceof Map) {
    const items = [...value].map(
      ([key, item]) => `${inspect(key, depth + 1, inner)} => ${inspect(item, depth + 1, inner)}`,
    );
    return `Map(${value.size}) ${brackets("{", items, "}")}`;
  }
  if (value instanceof Set) {
    return `Set(${value.size}) ${brackets(
      "{",
      [...value].map((item) => inspect(item, depth + 1, inner)),
      "}",
    )}`;
  }
  return inspectProperties(value, depth, inner);
}

function inspectProperties(value: object, depth: number, path: readonly object[]): string {
  const name = nameOf(value);
  const prefix = name === "Object" ? "" : `${name ?? "[Object: null prototype]"} `;
  return `${prefix}${brackets("{", ownProperties(value, depth, path), "}")}`;
}

function ownProperties(value: object, depth: number, path: readonly object[]): string[] {
  return Object.entries(Object.getOwnPropertyDescriptors(value))
    .filter(([, descriptor]) => descriptor.enumerable === true)
    .map(([key, descriptor]) => {
      const label = /^[A-Za-z_$][\w$]*$/.test(key) ? key : quote(key);
      if (descriptor.get !== undefined || descriptor.set !== undefined) return `${label}: [Getter/Setter]`;
      return `${label}: ${inspect(descriptor.value, depth + 1, path)}`;
    });
}

function inspectError(error: Error, depth: number, path: readonly object[]): string {
  const inner = [...path, error];
  const head = `${error.stack ?? `${error.name}: ${error.message}`}`;
  const text = depth === 0 ? head : `[${head.split("\n", 1)[0]}]`;
  const extra = ownProperties(error, depth, inner);
  const cause = Object.hasOwn(error, "cause") ? [`[cause]: ${inspect(error.cause, depth + 1, inner)}`] : [];
  const all = [...extra, ...cause];
  return all.length === 0 ? text : `${text} ${brackets("{", all, "}")}`;
}

function brackets(open: string, items: readonly string[], close: string): string {
  if (items.length === 0) return `${open}${close}`;
  const shown = items.slice(0, itemsMax);
  if (items.length > itemsMax) shown.push("… more items");
  const gap = open === "[" ? "" : " ";
  return `${open}${gap || " "}${shown.join(", ")}${gap || " "}${close}`;
}

function nameOf(value: object): string | undefined {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === null || typeof prototype !== "object") return undefined;
  const maker: unknown = (prototype as { readonly constructor?: unknown }).constructor;
  return typeof maker === "function" && maker.name !== "" ? maker.name : "Object";
}

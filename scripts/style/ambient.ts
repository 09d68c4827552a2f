import type { Node } from "oxc-parser";
import type { Finding } from "../finding.ts";
import { isTest } from "../source-tree.ts";
import { exportName, type SyntaxFile, visit } from "../syntax.ts";

/** The packages that get time, chance and settings as arguments, so that a simulator can drive them. */
const pure = /^packages\/(core|world)\/src\//;

const timers = ["setTimeout", "setInterval", "setImmediate"];

/** Members of global objects that answer differently from one run to the next. */
const members = new Map<string, RegExp>([
  ["Date", /^now$/],
  ["Math", /^random$/],
  ["performance", /^now$/],
  ["crypto", /^(random|getRandomValues)/],
  ["process", /^(env|hrtime|uptime)$/],
  ["globalThis", /^set(Timeout|Interval|Immediate)$/],
]);

/** The same things, imported by name. */
const imported = new Map<string, RegExp>([
  ["crypto", /^(random|getRandomValues|webcrypto)/],
  ["perf_hooks", /^performance$/],
  ["process", /^(env|hrtime|uptime)$/],
  ["timers", /./],
  ["timers/promises", /./],
]);

/** Clocks, chance, timers and environment variables in code that must get them through the injected `Env`. */
export function checkAmbient(file: SyntaxFile): Finding[] {
  if (!pure.test(file.path) || isTest(file.path)) return [];
  const findings: Finding[] = [];
  visit(file, (node) => {
    for (const what of ambientIn(node)) {
      const message = `${what} is not repeatable; take it from the injected Env.`;
      findings.push({ file: file.path, line: file.lineAt(node.start), rule: "ambient", message });
    }
  });
  return findings;
}

function ambientIn(node: Node): string[] {
  switch (node.type) {
    case "MemberExpression": {
      const base = globalName(node.object);
      const property = propertyName(node);
      return base !== undefined && members.get(base)?.test(property) === true ? [`${base}.${property}`] : [];
    }
    case "NewExpression":
      return globalName(node.callee) === "Date" && node.arguments.length === 0 ? ["new Date()"] : [];
    case "CallExpression":
      if (node.callee.type !== "Identifier") return [];
      if (node.callee.name === "Date") return ["Date()"];
      return timers.includes(node.callee.name) ? [node.callee.name] : [];
    case "ImportDeclaration": {
      const names = imported.get(node.source.value.replace(/^node:/, ""));
      if (names === undefined || node.importKind === "type") return [];
      return node.specifiers.flatMap((specifier) => {
        const name = specifier.type === "ImportSpecifier" ? exportName(specifier.imported) : "default";
        return names.test(name) ? [`${name} of ${node.source.value}`] : [];
      });
    }
    default:
      return [];
  }
}

/** The name of a global object: `Date`, and `globalThis.Date` as well. */
function globalName(node: Node): string | undefined {
  if (node.type === "Identifier") return node.name;
  if (node.type !== "MemberExpression" || node.object.type !== "Identifier") return undefined;
  return node.object.name === "globalThis" ? propertyName(node) : undefined;
}

function propertyName(node: Node & { type: "MemberExpression" }): string {
  if (!node.computed && node.property.type === "Identifier") return node.property.name;
  if (node.property.type === "Literal" && typeof node.property.value === "string") return node.property.value;
  return "";
}

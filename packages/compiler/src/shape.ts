/**
 * The readable form of a function's parameters, e.g. `(order,{a,b},...rest)`.
 *
 * It is recorded with each step that a run creates, so that a run can tell that a step's parameters changed under it.
 * Types, default values and the order inside an object pattern do not change what a caller may pass by position, so
 * they are left out; that a parameter has a default does (`name=`).
 */

import type { BindingPattern, FormalParameterRest, ParamPattern } from "oxc-parser";

type Pattern = ParamPattern | BindingPattern | FormalParameterRest;

/** The shape of a parameter list. */
export function shapeOf(params: readonly Pattern[]): string {
  return `(${params
    .filter((param) => !isThisParameter(param))
    .map(patternShape)
    .join(",")})`;
}

function isThisParameter(param: Pattern): boolean {
  return param.type === "Identifier" && param.name === "this";
}

function patternShape(pattern: Pattern): string {
  switch (pattern.type) {
    case "Identifier":
      return pattern.name.normalize("NFC");
    case "AssignmentPattern":
      return `${patternShape(pattern.left)}=`;
    case "RestElement":
      return `...${patternShape(pattern.argument)}`;
    case "ArrayPattern":
      return `[${pattern.elements.map((element) => (element === null ? "" : patternShape(element))).join(",")}]`;
    case "ObjectPattern":
      return objectShape(pattern);
    case "TSParameterProperty":
      return patternShape(pattern.parameter);
  }
}

function objectShape(pattern: Extract<Pattern, { type: "ObjectPattern" }>): string {
  const named: string[] = [];
  let rest = "";
  for (const property of pattern.properties) {
    if (property.type === "RestElement") {
      rest = patternShape(property);
      continue;
    }
    const { key, value, computed } = property;
    const name = computed
      ? "[]"
      : key.type === "Identifier"
        ? key.name
        : key.type === "Literal"
          ? String(key.value)
          : "";
    named.push(`${name.normalize("NFC")}${nestedShape(value)}`);
  }
  named.sort();
  return `{${[...named, ...(rest === "" ? [] : [rest])].join(",")}}`;
}

/** What a property pattern adds to its key: nested patterns and defaults count, the local name does not. */
function nestedShape(value: Pattern): string {
  if (value.type === "Identifier") return "";
  if (value.type === "AssignmentPattern") return `${nestedShape(value.left)}=`;
  return `:${patternShape(value)}`;
}

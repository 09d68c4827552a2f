/** Licences by what they ask of whoever ships the package. Identifiers and expressions are those of SPDX (https://spdx.org). */

/** From what asks least to what asks most; `unknown` is for a person to look at. */
const licenceFamilies = ["permissive", "weak copyleft", "copyleft", "unknown"] as const;

type LicenceFamily = (typeof licenceFamilies)[number];

export interface Licence {
  /** The SPDX expression of the manifest, or `none`. */
  readonly name: string;
  readonly family: LicenceFamily;
}

const patterns: readonly (readonly [RegExp, LicenceFamily])[] = [
  [
    /^(MIT|MIT-0|ISC|0BSD|BSD-[23]-Clause|Apache-2\.0|BlueOak-1\.0\.0|CC0-1\.0|Unlicense|Zlib|Python-2\.0)$/,
    "permissive",
  ],
  [/^(MPL-2\.0|LGPL-.+|EPL-.+|CDDL-.+)$/, "weak copyleft"],
  [/^A?GPL-.+$/, "copyleft"],
];

/** The licence of a package, from the `license` (or the old `licenses`) field of its manifest. */
export function classifyLicence(field: unknown): Licence {
  const name = licenceName(field);
  return name === null ? { name: "none", family: "unknown" } : { name, family: familyOf(name) };
}

function licenceName(field: unknown): string | null {
  if (typeof field === "string") return field.trim() || null;
  if (Array.isArray(field)) return field.map(licenceName).filter(Boolean).join(" OR ") || null;
  if (typeof field === "object" && field !== null && "type" in field) return licenceName(field.type);
  return null;
}

/** `A OR B`: the user may choose. `A AND B`: both hold. A nested expression is left to a person. */
function familyOf(expression: string): LicenceFamily {
  const flat = expression.replace(/^\((.*)\)$/, "$1");
  if (/[()]/.test(flat)) return "unknown";
  const choices = flat.split(" OR ").map((choice) => Math.max(...choice.split(" AND ").map(rankOf)));
  return licenceFamilies[Math.min(...choices)] ?? "unknown";
}

function rankOf(identifier: string): number {
  const family = patterns.find(([pattern]) => pattern.test(identifier.trim()))?.[1] ?? "unknown";
  return licenceFamilies.indexOf(family);
}

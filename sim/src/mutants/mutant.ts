/**
 * A mutant: the engine with one of its guards taken away, as edits of the source text. It exists only in a process that
 * was started for it; no published file knows of it.
 */

import type { Operation } from "../faults/catalogue.ts";

/** One place of a source file and what stands there instead. */
export interface Edit {
  /** From the root of the repository. */
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly find: string;
  readonly replace: string;
}

export interface Mutant {
  readonly name: string;
  /** One sentence: which guard is taken away. */
  readonly breaks: string;
  /** The invariants by which it is expected to be found. */
  readonly invariants: readonly string[];
  readonly edits: readonly Edit[];
  /** Several guards that back each other up are taken away together. */
  readonly pair?: true;
  /** The guard that still stands and hides this mutant: it is expected to survive. */
  readonly coveredBy?: string;
  /** It shows at these calls only: after the first schedules, those that no fault is aimed at there are left out. */
  readonly aims?: readonly Operation[];
  /** How it shows itself when no checker can say it: the process comes to no end. */
  readonly effect?: "hang";
}

/** The text of a file with the edits of a mutant in it. Throws unless each edit has exactly one place. */
export function edited(mutant: Mutant, file: string, text: string): string {
  let result = text;
  for (const edit of mutant.edits) {
    if (edit.file !== file) continue;
    const places = result.split(edit.find).length - 1;
    if (places !== 1) {
      throw new TypeError(`Mutant "${mutant.name}": its text stands ${places} times in ${file}: ${edit.find}`);
    }
    result = result.replace(edit.find, () => edit.replace);
  }
  return result;
}

/** The files that a mutant changes. */
export const filesOf = ({ edits }: Mutant): readonly string[] => [...new Set(edits.map(({ file }) => file))];

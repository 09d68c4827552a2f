/** Builds the compiler's findings from offsets in a source text. */

import type { CompileDiagnostic } from "@perdure/errors";
import { codeFrame } from "./code-frame.ts";
import type { SourceText } from "./source-text.ts";

/** A finding at an offset of the text, with its code frame. */
export function diagnose(source: SourceText, offset: number, message: string, hint: string): CompileDiagnostic {
  const position = source.position(offset);
  return { message, file: source.file, ...position, frame: codeFrame(source.text, position), hint };
}

/** A finding about a whole file, or about a file whose text is not at hand. */
export function diagnoseFile(file: string, message: string, hint: string): CompileDiagnostic {
  return { message, file, line: 1, column: 1, frame: "", hint };
}

/**
 * Perdure's compiler: directives (`"use workflow"`, `"use step"`) to host modules, workflow bundles and a manifest.
 */

export { type BundleOptions, bundleWorkflow, type WorkflowBundle } from "./bundle.ts";
export { mayHoldDirective } from "./directive-text.ts";
export { type FunctionKind, functionId } from "./function-id.ts";
export { compileHost, type HostModule, type TransformHostOptions, transformHost } from "./host-module.ts";
export {
  type DuplicateId,
  duplicateIds,
  type Manifest,
  type ModuleManifest,
  mergeManifests,
  type StepEntry,
  type WorkflowEntry,
} from "./manifest.ts";
export type { ModuleLocation } from "./parse.ts";
export type { SourceMap } from "./source-map.ts";
export { type StrippedModule, stripTypes } from "./strip-types.ts";

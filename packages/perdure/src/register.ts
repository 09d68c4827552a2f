/**
 * `node --import perdure/register app.ts`: directives, TypeScript and JSX work in every file of the program, and the process becomes a
 * worker. See `worker/automatic-worker.ts` for when.
 */
import "./project/require-node.ts";
import { provideBundles } from "@perdure/core";
import { reportFilesToParent } from "./dev/file-report.ts";
import { DiskCache } from "./loader/disk-cache.ts";
import { installLoader } from "./loader/loader.ts";
import { bundleProviderFor } from "./loader/workflow-bundles.ts";
import { projectRoot } from "./project/project-root.ts";
import { becomeWorkerWhenReady } from "./worker/automatic-worker.ts";

const root = projectRoot(process.cwd());
reportFilesToParent();
installLoader(root);
provideBundles(
  bundleProviderFor({
    root,
    cache: DiskCache.ofProject(root),
    warn: (text) => process.emitWarning(text, { type: "PerdureWarning" }),
  }),
);
becomeWorkerWhenReady();

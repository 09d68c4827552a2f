/** Imported first by entry points that run on their own: checks this process's Node as a side effect. */
import { requireNode } from "./node-version.ts";

requireNode(process.versions.node);

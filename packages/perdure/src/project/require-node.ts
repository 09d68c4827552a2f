/**
 * Imported first by entry points that run on their own: from here on a failure that is the user's to mend is printed without a stack,
 * and a Node that is too old is the first such failure.
 */
import { reportFailures } from "./failure-report.ts";
import { requireNode } from "./node-version.ts";

reportFailures();
requireNode(process.versions.node);

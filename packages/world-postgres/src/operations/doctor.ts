/** Looks at a server and a schema for what will hurt later. */
import type { DoctorFinding } from "@perdure/world";
import type { Database } from "../database.ts";
import type { StoreSettings } from "../store.ts";
import { clockFinding, connectionFindings, listenFinding } from "./doctor-connections.ts";
import { schemaFindings } from "./doctor-schema.ts";
import { serverFindings } from "./doctor-server.ts";

export async function examine(database: Database, settings: StoreSettings): Promise<readonly DoctorFinding[]> {
  return [
    ...(await serverFindings(database)),
    await clockFinding(database),
    ...(await connectionFindings(database, settings)),
    await listenFinding(settings),
    ...(await schemaFindings(database, settings.schema)),
  ];
}

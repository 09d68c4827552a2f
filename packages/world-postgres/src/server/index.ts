/** The PostgreSQL server of a project under development; `perdure dev --world postgres` uses it. */
export { openProjectServer, type ProjectServer, projectServerUrl, type ServerPlace } from "./project-server.ts";

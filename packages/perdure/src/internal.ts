/** What compiled host modules import. Nothing here is meant to be imported by hand. */
export { registerStep, registerWorkflow, workflowCalled } from "@perdure/core";

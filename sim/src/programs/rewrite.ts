/** Trees made from trees: with other steps, without some of their nodes. */
import type { Block, Node, Operation, Statement } from "./program.ts";

/** What becomes of a node's own fields, after its children; null leaves the node out. */
type Rewrite = (node: Node) => Node | null;

/** The tree with these names for its steps. */
export function withSteps(root: Block, rename: (step: string) => string): Block {
  return rewriteBlock(root, (node) => ("step" in node ? { ...node, step: rename(node.step) } : node));
}

/** The tree without the nodes of this kind, and without what cannot be without them: an `await` of nothing, an empty group. */
export function withoutNodes(root: Block, isLeftOut: (node: Node) => boolean): Block {
  return rewriteBlock(root, (node) => (isLeftOut(node) ? null : node));
}

function rewriteBlock(block: Block, rewrite: Rewrite): Block {
  return block.flatMap((statement) => rewriteStatement(statement, rewrite) ?? []);
}

function rewriteOperations(operations: readonly Operation[], rewrite: Rewrite): readonly Operation[] {
  return operations.flatMap((operation) => rewriteOperation(operation, rewrite) ?? []);
}

function rewriteStatement(statement: Statement, rewrite: Rewrite): Statement | null {
  const inner = withinStatement(statement, rewrite);
  return inner === null ? null : (rewrite(inner) as Statement | null);
}

function withinStatement(statement: Statement, rewrite: Rewrite): Statement | null {
  const block = (statements: Block): Block => rewriteBlock(statements, rewrite);
  switch (statement.kind) {
    case "await":
    case "float": {
      const operation = rewriteOperation(statement.operation, rewrite);
      return operation === null ? null : { ...statement, operation };
    }
    case "late": {
      const operation = rewriteOperation(statement.operation, rewrite);
      return operation === null ? null : { ...statement, operation, body: block(statement.body) };
    }
    case "if":
      return { ...statement, body: block(statement.body), otherwise: block(statement.otherwise) };
    case "recurse":
      return { ...statement, body: block(statement.body), after: block(statement.after) };
    case "try":
      return {
        ...statement,
        body: block(statement.body),
        handler: block(statement.handler),
        cleanup: block(statement.cleanup),
      };
    case "loop":
    case "hook":
      return { ...statement, body: block(statement.body) };
    case "generator":
    case "fromAsync":
      return { ...statement, operations: rewriteOperations(statement.operations, rewrite) };
    default:
      return statement;
  }
}

function rewriteOperation(operation: Operation, rewrite: Rewrite): Operation | null {
  const inner = withinOperation(operation, rewrite);
  return inner === null ? null : (rewrite(inner) as Operation | null);
}

function withinOperation(operation: Operation, rewrite: Rewrite): Operation | null {
  if (operation.kind === "branch") return { ...operation, body: rewriteBlock(operation.body, rewrite) };
  if (operation.kind !== "group") return operation;
  const operations = rewriteOperations(operation.operations, rewrite);
  return canSettle(operations) ? { ...operation, operations } : null;
}

/** A race of nothing, or of promises that never settle, is never over. */
export function canSettle(operations: readonly Operation[]): boolean {
  return operations.some(({ kind }) => kind !== "never");
}

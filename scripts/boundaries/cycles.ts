/** A directed graph: from a file to the files it loads. */
export type Graph = ReadonlyMap<string, readonly string[]>;

/**
 * One cycle for every group of files that load one another, each written from its first file back to that file.
 * Groups are the strongly connected components, found with Tarjan's algorithm ("Depth-first search and linear graph
 * algorithms", 1972); inside a group the shortest way round is shown, because that is the one to break.
 */
export function findCycles(graph: Graph): string[][] {
  return components(graph)
    .filter((group) => group.length > 1 || (graph.get(group[0] ?? "") ?? []).includes(group[0] ?? ""))
    .map((group) => shortestCycle(graph, group));
}

interface Visit {
  readonly index: number;
  low: number;
  onStack: boolean;
}

function components(graph: Graph): string[][] {
  const visits = new Map<string, Visit>();
  const stack: string[] = [];
  const groups: string[][] = [];

  const enter = (node: string): Visit => {
    const visit: Visit = { index: visits.size, low: visits.size, onStack: true };
    visits.set(node, visit);
    stack.push(node);
    for (const next of graph.get(node) ?? []) {
      const seen = visits.get(next);
      if (seen === undefined) visit.low = Math.min(visit.low, enter(next).low);
      else if (seen.onStack) visit.low = Math.min(visit.low, seen.index);
    }
    if (visit.low === visit.index) groups.push(leave(node));
    return visit;
  };

  const leave = (root: string): string[] => {
    const group = stack.splice(stack.indexOf(root));
    for (const node of group) {
      const visit = visits.get(node);
      if (visit !== undefined) visit.onStack = false;
    }
    return group;
  };

  for (const node of graph.keys()) if (!visits.has(node)) enter(node);
  return groups;
}

function shortestCycle(graph: Graph, group: readonly string[]): string[] {
  const members = new Set(group);
  const start = [...group].sort()[0] ?? "";
  const cameFrom = new Map<string, string>();
  const queue = [start];
  for (const node of queue) {
    for (const next of graph.get(node) ?? []) {
      if (next === start) return [...pathTo(cameFrom, start, node), start];
      if (members.has(next) && !cameFrom.has(next)) {
        cameFrom.set(next, node);
        queue.push(next);
      }
    }
  }
  return [start];
}

function pathTo(cameFrom: ReadonlyMap<string, string>, start: string, end: string): string[] {
  const path = [end];
  for (let node = end; node !== start; ) {
    node = cameFrom.get(node) ?? start;
    path.unshift(node);
  }
  return path;
}

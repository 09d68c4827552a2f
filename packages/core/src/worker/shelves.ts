import type { World } from "@perdure/world";
import { BundleShelf } from "./bundle-shelf.ts";

const shelves = new WeakMap<World, BundleShelf>();

/** The bundles that this process holds of a world; one shelf per world, shared by clients and workers. */
export function shelfOf(world: World): BundleShelf {
  const known = shelves.get(world);
  if (known !== undefined) return known;
  const shelf = new BundleShelf(world);
  shelves.set(world, shelf);
  return shelf;
}

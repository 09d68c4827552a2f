/**
 * The bundles that this process holds: those of its own workflows, and those that claimed runs were started with,
 * fetched from the store by their content hash.
 */
import { ConfigError, UndecodableError } from "@perdure/errors";
import type { World } from "@perdure/world";
import { type HeldBundle, packBundle, unpackBundle } from "../realm/bundle.ts";
import { guestAbi, guestSource } from "../realm/guest-source.ts";
import { bundleProvider, type RegisteredWorkflow } from "../step/registry.ts";

export class BundleShelf {
  readonly #world: World;
  readonly #byId = new Map<string, Promise<HeldBundle | null>>();
  readonly #byWorkflow = new Map<string, Promise<HeldBundle>>();

  constructor(world: World) {
    this.#world = world;
  }

  /** The bundle of a workflow as this process would build it now, stored in the world before it is returned. */
  ofWorkflow(workflow: RegisteredWorkflow): Promise<HeldBundle> {
    const known = this.#byWorkflow.get(workflow.id);
    if (known !== undefined) return known;
    const building = this.#build(workflow);
    this.#byWorkflow.set(workflow.id, building);
    building.catch(() => this.#byWorkflow.delete(workflow.id));
    return building;
  }

  /** Store each bundle again before the next start that needs it: the store may not hold it any more. */
  distrustStore(): void {
    this.#byWorkflow.clear();
  }

  /** A bundle by its id; null when the store does not hold it. Throws `UndecodableError` for one of another ABI. */
  byId(id: string): Promise<HeldBundle | null> {
    const known = this.#byId.get(id);
    if (known !== undefined) return known;
    const fetching = this.#fetch(id);
    this.#byId.set(id, fetching);
    fetching.then(
      (bundle) => bundle ?? this.#byId.delete(id),
      () => this.#byId.delete(id),
    );
    return fetching;
  }

  async #build(workflow: RegisteredWorkflow): Promise<HeldBundle> {
    const provider = bundleProvider();
    if (provider === null) {
      throw new ConfigError(`Nothing here can build the bundle of workflow ${workflow.name}.`, {
        where: { file: workflow.file, line: workflow.line },
        hint: "Run the app with `node --import perdure/register`.",
      });
    }
    const { code, map, workflows } = await provider(workflow);
    const stored = { abi: guestAbi, guest: guestSource, code, map, workflows };
    const { id, bytes } = packBundle(stored);
    await this.#world.bundles.put(id, bytes);
    const held = { id, ...stored };
    this.#byId.set(id, Promise.resolve(held));
    return held;
  }

  async #fetch(id: string): Promise<HeldBundle | null> {
    const bytes = await this.#world.bundles.get(id);
    if (bytes === null) return null;
    const bundle = unpackBundle(bytes);
    if (bundle.id !== id) throw new UndecodableError(`Bundle ${id} holds other content than its id says.`);
    return bundle;
  }
}

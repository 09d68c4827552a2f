/** A client of the store that is no worker: it can crash, and then it has forgotten what it was about. */
import type { World } from "@perdure/world";
import type { Participant } from "../process/participant.ts";
import type { Network } from "../store/network.ts";

export class Client implements Participant {
  readonly kind = "client";
  readonly name: string;
  readonly world: World;
  isAlive = true;
  pausedUntil = 0;
  readonly #network: Network;
  readonly #now: () => number;

  constructor(name: string, network: Network, now: () => number) {
    this.name = name;
    this.#network = network;
    this.#now = now;
    this.world = this.#network.connect(this);
  }

  enter(): void {}

  leave(): void {}

  crash(): void {
    this.isAlive = false;
  }

  pause(ms: number): void {
    this.pausedUntil = Math.max(this.pausedUntil, this.#now() + ms);
  }
}

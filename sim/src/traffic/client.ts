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
  readonly #now: () => number;

  /** `isBeside`: nothing lies between it and the store. */
  constructor(name: string, network: Network, now: () => number, isBeside = false) {
    this.name = name;
    this.#now = now;
    this.world = isBeside ? network.connectBeside(this) : network.connect(this);
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

/** The guest that this version of the engine stores with new bundles. Runs in flight keep the one they started with. */
import type { GuestAbi } from "./guest-port.ts";

export { guestSource } from "./guest.generated.ts";

/** Version of the agreement between host and guest that this version speaks. */
export const guestAbi: GuestAbi = 1;

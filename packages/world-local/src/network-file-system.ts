/**
 * File systems on which a write-ahead log is not safe: its index is memory shared between processes, which does not reach
 * another machine (https://www.sqlite.org/wal.html, "All processes using a database must be on the same host computer").
 */

/** Numbers of Linux's `statfs`, from its `magic.h`. Other systems number theirs differently and match none of these. */
const networkTypes: ReadonlyMap<number, string> = new Map([
  [0x6969, "NFS"],
  [0xff534d42, "CIFS"],
  [0xfe534d42, "SMB2"],
  [0x517b, "SMB"],
  [0x73757245, "Coda"],
  [0x5346414f, "AFS"],
  [0x00c36400, "Ceph"],
]);

/** The name of the network file system with this number; null when it is none that is known. */
export function networkFileSystem(type: number, platform: string = process.platform): string | null {
  if (platform !== "linux") return null;
  // 32-bit values arrive signed from some kernels.
  return networkTypes.get(type >>> 0) ?? null;
}

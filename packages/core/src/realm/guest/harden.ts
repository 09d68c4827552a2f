export function harden(_roots: readonly object[]): void {}

export function installDate(): void {}

import type { Finding } from "../finding.ts";
import type { TextFile } from "../source-tree.ts";

/** Folders of somebody's machine. A path inside an address (`https://host/home/x/`) is none. */
const machinePath = /(?<![\w.:/-])\/(?:home|Users|work|root)\/[\w.-]+/;

/** Hosts that packages come from; a lockfile or a document that names one works only where that host is reached. */
const registryAddress = /https?:\/\/[\w.-]*(?:registry|artifactory|nexus|verdaccio)[\w.-]*/i;

/** Traces of the machine that the file was written on. */
export function checkLeaks({ path, text }: TextFile): Finding[] {
  return text.split("\n").flatMap((content, index) => {
    const findings: Finding[] = [];
    const report = (rule: string, message: string): void => {
      findings.push({ file: path, line: index + 1, rule, message });
    };
    if (machinePath.test(content)) report("machine-path", "An absolute path of one machine; make it relative.");
    if (registryAddress.test(content)) report("registry-address", "The host of a package registry; leave it out.");
    return findings;
  });
}

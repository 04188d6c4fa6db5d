import type { CommonOptions } from './invocation.ts';
import type { MakeVerb, RunVerb } from './program-verb.ts';
import type { ScanVerbOptions } from './scan.ts';

/** Verbs that check source and apps. */
export function addCheckVerbs(verb: MakeVerb, run: RunVerb): void {
  verb('scan', 'look for secrets and known holes in the source', 'signalbox scan --sarif codeql.sarif')
    .argument('[folder]', 'folder of the source; default: the current one')
    .option('--image <reference>', 'an image to look at, too')
    .option('--sarif <files...>', 'what other tools have found, as SARIF 2.1.0')
    .option('--sbom <file>', 'write what the lock files pin as a bill of materials (CycloneDX 1.6)')
    .action((folder: string | undefined, options: CommonOptions & ScanVerbOptions) =>
      run(options, async (to) => (await import('./scan.ts')).scan(to, folder, options)),
    );
}

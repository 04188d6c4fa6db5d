import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take twenty seconds and more, the longest first; `npm test` closes with the times. */
const longest = [
  'test/conformance/runtime-docker.test.ts',
  'test/dev/session.test.ts',
  'test/dev/docker.test.ts',
  'test/adapters/runtime-docker/adversarial.test.ts',
  'test/conformance/data-plane-embedded.test.ts',
  'test/cli/demo.test.ts',
  'test/adapters/runtime-docker/runtime.test.ts',
  'test/adapters/runtime-docker/engine-restart.test.ts',
  'test/proxy/resend.test.ts',
  'test/adapters/builder-docker/builder.test.ts',
  'test/adapters/runtime-process/runtime.test.ts',
  'test/cli/compose-up.test.ts',
  'test/cli/up.test.ts',
  'test/e2e/examples.test.ts',
  'test/chaos/control-plane.test.ts',
  'test/e2e/engine-stops.test.ts',
  'test/e2e/story-docker.test.ts',
  'test/chaos/traffic-moves.test.ts',
  'test/e2e/releases.test.ts',
  'test/e2e/example-tasks.test.ts',
  'test/e2e/broken-releases.test.ts',
  'test/e2e/accessories-docker.test.ts',
  'test/e2e/accessories.test.ts',
  'test/e2e/story-processes.test.ts',
  'test/chaos/damage.test.ts',
];

/** What takes long begins first, so that files that run side by side end together. By itself a clean checkout goes by size. */
export class LongestFirst extends BaseSequencer {
  /** @throws Error when the list names a file that is not there. */
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const { root } = this.ctx.config;
    const gone = longest.filter((file) => !existsSync(join(root, file)));
    if (gone.length > 0) throw new Error(`test/setup/longest-first.ts names what is not there: ${gone.join(', ')}`);
    const place = ({ moduleId }: TestSpecification): number => {
      const at = longest.indexOf(relative(root, moduleId));
      return at === -1 ? longest.length : at;
    };
    return (await super.sort(files)).toSorted((a, b) => place(a) - place(b));
  }
}

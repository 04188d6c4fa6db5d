/** An action of others, pinned to a commit: a tag can be moved to other code. */
interface PinnedAction {
  readonly name: string;
  readonly commit: string;
  readonly version: string;
}

const pinned = [
  { name: 'actions/checkout', version: 'v7.0.1', commit: '3d3c42e5aac5ba805825da76410c181273ba90b1' },
  { name: 'actions/setup-node', version: 'v7.0.0', commit: '820762786026740c76f36085b0efc47a31fe5020' },
  { name: 'actions/setup-python', version: 'v7.0.0', commit: '5fda3b95a4ea91299a34e894583c3862153e4b97' },
  { name: 'aws-actions/configure-aws-credentials', version: 'v6.2.3', commit: 'e6de054238d6b7531b4efff3b6587d9aade6a06c' },
  { name: 'aws-actions/amazon-ecr-login', version: 'v2.1.7', commit: '03f1aad4c6c7ffd436567f42f9384779290529bd' },
  { name: 'docker/setup-buildx-action', version: 'v4.3.0', commit: '37fe631027851001ddb9b187196cc803df7f5f0e' },
  { name: 'docker/build-push-action', version: 'v7.3.0', commit: '53b7df96c91f9c12dcc8a07bcb9ccacbed38856a' },
] as const satisfies readonly PinnedAction[];

export type ActionName = (typeof pinned)[number]['name'];

/** What stands behind `uses:`. */
export const action = (name: ActionName): string => `${name}@${found(name)?.commit ?? ''}`;

/** The version behind a commit, for the comment beside it; undefined for workflows of the repository itself. */
export const versionOf = (uses: string): string | undefined => found(uses.split('@')[0] ?? '')?.version;

const found = (name: string): PinnedAction | undefined => pinned.find((one) => one.name === name);

/** What jobs run on: fixed, so that a new system image is a change like any other. */
export const runner = 'ubuntu-24.04';

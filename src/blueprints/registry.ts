import type { Answers, Questions } from './answers.ts';
import { composeFiles } from './compose-file.ts';
import { envExample } from './environment/example.ts';
import type { GeneratedFile } from './generated.ts';
import { githubActionsFiles } from './github-actions/files.ts';
import { imageFiles } from './image-files.ts';
import type { BlueprintInput } from './input.ts';
import { preCommitFile } from './pre-commit.ts';

/** One kind of files that can be made for a repository. */
export interface Blueprint {
  readonly name: string;
  /** What it is for, in half a sentence. */
  readonly says: string;
  /** What using it takes; making it takes nothing. */
  readonly needs: string;
  /** What can be chosen, by the name of its option. Undefined: nothing. */
  readonly questions?: Questions;
  /** Pure: the same facts and answers make the same files, byte for byte. What is not answered is as preset. */
  make(input: BlueprintInput, answers?: Answers): readonly GeneratedFile[];
}

/** In the order in which they are listed and made. */
export const blueprints: readonly Blueprint[] = [
  {
    name: 'dockerfile',
    says: 'a Dockerfile for each service, and what its build should not see',
    needs: 'any builder of Dockerfiles',
    make: ({ packed }) => imageFiles(packed),
  },
  {
    name: 'compose',
    says: 'compose.yaml that starts the whole app with its accessories',
    needs: 'Docker with Compose (docker-compose 1.29 or later); the Dockerfiles of `generate dockerfile`',
    make: composeFiles,
  },
  {
    name: 'env-example',
    says: '.env.example with every variable of the app and where it is read',
    needs: 'nothing',
    make: (input) => [envExample(input)],
  },
  {
    name: 'github-actions',
    says: 'workflows that test pull requests, and test and ship what is on main',
    needs:
      'a repository on GitHub; AWS with ECS and ECR, or a Signalbox (`--target signalbox`); for AWS the Dockerfiles of `generate dockerfile`',
    questions: {
      target: { choices: ['aws', 'signalbox'], says: 'where main is shipped to' },
      credentials: { choices: ['oidc', 'secrets'], says: 'how jobs sign in to AWS' },
    },
    make: (input, answers = {}) =>
      githubActionsFiles(input, {
        target: answers['target'] === 'signalbox' ? 'signalbox' : 'aws',
        credentials: answers['credentials'] === 'secrets' ? 'secrets' : 'oidc',
      }),
  },
  {
    name: 'pre-commit',
    says: 'hooks that look at every commit, by the scripts of the repository',
    needs: 'pre-commit 3.2 or later; without it: `signalbox hooks install`',
    make: (input) => [preCommitFile(input)],
  },
];

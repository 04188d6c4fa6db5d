import { z } from 'zod';
import { repositoryPath } from './repository-path.ts';

/** The keys of a service that only Docker looks at; imported by `schema.ts`. On the process runtime they change nothing. */

const inRepository = (what: string) => {
  const error = `${what}, a path inside the repository (relative, not leaving it)`;
  return z.string({ error }).refine((value) => value !== '' && repositoryPath(value) !== undefined, { error });
};

const imageError = 'the name of an image with its version, such as redis:7.2 or ghcr.io/acme/api@sha256:…';
const imagePattern =
  /^(?:[A-Za-z0-9][A-Za-z0-9.-]*(?::\d+)?\/)?[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}|@sha256:[0-9a-f]{64}|:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}@sha256:[0-9a-f]{64})$/;
const targetError = 'the name of a stage of the Dockerfile';
const portError = 'a port from 1 to 65535';

export const dockerKeys = {
  dockerfile: inRepository('a Dockerfile').optional().meta({
    description:
      'Dockerfile of the service, relative to the repository. Default on Docker: `Dockerfile` in `path`, else one made for the stack. Without `run` its CMD starts an instance.',
  }),
  context: inRepository('the folder sent to the builder').optional().meta({
    description:
      'Folder that the Dockerfile may copy from, relative to the repository; its .dockerignore counts. Default: `path`.',
  }),
  target: z
    .string({ error: targetError })
    .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/, { error: targetError })
    .optional()
    .meta({ description: 'Stage of the Dockerfile to build. Default: the last one.' }),
  image: z
    .string({ error: imageError })
    .regex(imagePattern, { error: imageError })
    .max(512, { error: imageError })
    .optional()
    .meta({
      description:
        'An image made elsewhere, instead of a build; needs Docker. The version it has at the deploy is pinned by its digest.',
    }),
  port: z.int({ error: portError }).min(1, { error: portError }).max(65_535, { error: portError }).optional().meta({
    description:
      'Port that the app listens on inside its container. Default: the one port that the image exposes, else 8080; given as PORT.',
  }),
};

import type { CatalogueEntry } from './entry.ts';

/** Errors of releases, rollouts and what they run on. */
export const releaseErrors = {
  ABORTED: {
    title: 'A person aborted the rollout',
    hint: 'Deploy again when it is mended.',
    retryable: false,
  },
  ACCESSORY_CHANGED: {
    title: 'The change would make an accessory unable to read its data',
    hint: 'Copy its data out (pg_dump), remove it with --delete-data, deploy, and copy the data back.',
    retryable: false,
  },
  ACCESSORY_IN_USE: {
    title: 'A release that is still needed declares the accessory',
    hint: 'Deploy a configuration without it; when that release has proven itself, remove it.',
    retryable: false,
  },
  ACCESSORY_UNAVAILABLE: {
    title: 'An accessory cannot run on this machine',
    hint: 'Install what the message names, or leave the accessory out.',
    retryable: false,
  },
  ACCESSORY_UNHEALTHY: {
    title: 'An accessory did not come up',
    hint: 'The release was not started. Its last lines say why; `signalbox accessories` shows how it is.',
    retryable: false,
  },
  APP_TAKEN: {
    title: 'The app name belongs to another repository',
    hint: 'Choose another name under `app:` in signalbox.yaml.',
    retryable: false,
  },
  ARTIFACT_MISSING: {
    title: 'A build result that should be there is gone',
    hint: 'Deploy the same commit again; it will be rebuilt.',
    retryable: false,
  },
  BAD_BUNDLE: {
    title: 'The source that was sent cannot be used',
    hint: 'Run the deploy again from a complete clone (`git fetch --unshallow` mends a shallow one).',
    retryable: false,
  },
  BAD_REQUEST: { title: 'The request is not of the documented form', hint: 'See the API description.', retryable: false },
  BAD_SETTING: {
    title: 'An operator setting has an unusable value',
    hint: 'Mend or unset the environment variable named in the message.',
    retryable: false,
  },
  BAD_TABLE: { title: 'A route table was refused', hint: 'Nothing was changed. Report this with the message.', retryable: false },
  BAKE_FAILED: {
    title: 'The release failed in its watch period',
    hint: 'The old release serves again. See `signalbox logs` of the failed one, mend it and deploy again.',
    retryable: false,
  },
  BUILD_FAILED: {
    title: 'The build failed',
    hint: 'The last lines of its output say why; nothing was changed.',
    retryable: false,
  },
  CERTIFICATE_REFUSED: {
    title: 'A certificate or its key cannot be served',
    hint: 'Mend what the message names; the others are served meanwhile.',
    retryable: false,
  },
  COMMAND_FAILED: {
    title: 'The release command failed',
    hint: 'Its last lines say why; the old release goes on serving. Mend it and deploy again.',
    retryable: false,
  },
  COMMAND_LOST: {
    title: 'Nobody saw how the release command ended',
    hint: 'Look whether it took effect; then `signalbox resume` (it is done) or `signalbox abort`.',
    retryable: false,
  },
  COMMAND_TIMED_OUT: {
    title: 'The release command took too long',
    hint: 'Raise `release.timeout`, or find out what it waits for (a lock?).',
    retryable: false,
  },
  CONFIG_INVALID: { title: 'signalbox.yaml has a mistake', hint: 'Mend the line named in the message.', retryable: false },
  CONFLICT: {
    title: 'Somebody else changed it at the same time',
    hint: 'Look at the current state, then try again.',
    retryable: true,
  },
  CONTROL_PLANE_UNREACHABLE: {
    title: 'No control plane answers',
    hint: 'Start it with `signalbox up`, or set SIGNALBOX_URL and SIGNALBOX_TOKEN to reach another machine.',
    retryable: true,
  },
  DATA_PLANE_UNAVAILABLE: {
    title: 'The proxy does not acknowledge',
    hint: 'Run `signalbox doctor`; traffic goes on with the last table.',
    retryable: true,
  },
  DEV_NOT_INSTALLED: {
    title: 'The dependencies of a service are not installed',
    hint: 'Install them, or start `signalbox dev --install`.',
    retryable: false,
  },
  DEV_RUNNING: {
    title: 'The folder is being developed already',
    hint: 'Use the one that runs, or stop it with Ctrl-C.',
    retryable: true,
  },
  DEV_UNSUPPORTED: {
    title: 'Development cannot do that here',
    hint: 'Do what it names, or leave --runtime out: services then run as processes.',
    retryable: false,
  },
  ENGINE_UNAVAILABLE: {
    title: 'The Docker engine does not answer',
    hint: 'Start it, or set SIGNALBOX_DOCKER_HOST to its socket. What runs goes on running.',
    retryable: true,
  },
  FILE_EXISTS: { title: 'The file is there already', hint: 'Use --force to replace it.', retryable: false },
  FILE_NOT_WRITTEN: {
    title: 'A file could not be written',
    hint: 'Look at the rights of its folder and the space on its disk.',
    retryable: true,
  },
  GATE_FAILED: {
    title: 'The canary failed its gate',
    hint: 'The old release serves all traffic. See the verdict, mend and deploy again.',
    retryable: false,
  },
  GATE_TIMEOUT: {
    title: 'The canary got no verdict in time',
    hint: '`signalbox promote` to go on, `signalbox abort` to undo, or wait for more traffic with `signalbox resume`.',
    retryable: false,
  },
  GENERATED_EDITED: {
    title: 'A file to be made was changed by hand, or is your own',
    hint: 'Take over what you want from the difference shown; --force replaces the file.',
    retryable: false,
  },
  HEALTH_DEADLINE: {
    title: 'A service did not become healthy in time',
    hint: 'Its last log lines are shown; raise `health.deadline` if it only needs longer.',
    retryable: false,
  },
  HOME_IN_USE: {
    title: 'Another control plane has this home',
    hint: 'Use the one that runs, or stop it first; another $SIGNALBOX_HOME is another installation.',
    retryable: false,
  },
  HOME_UNUSABLE: {
    title: 'The home folder cannot be used',
    hint: 'Check owner, mode and space of $SIGNALBOX_HOME, or choose another with --home.',
    retryable: false,
  },
  HOST_REFUSED: {
    title: 'The request names a host that is not this API',
    hint: 'Use localhost or 127.0.0.1; for other names bind the API to an address of its own with SIGNALBOX_API_HOST.',
    retryable: false,
  },
  ILLEGAL_TRANSITION: {
    title: 'That is not possible in this phase',
    hint: 'Look at `signalbox rollouts` for where it stands.',
    retryable: false,
  },
  IMAGE_MISSING: {
    title: 'An image is neither here nor at its registry',
    hint: 'Check its name and version; log in with `docker login`, or load it into the engine with `docker pull`.',
    retryable: false,
  },
  INSTANCE_CRASHED: {
    title: 'An instance ended by itself',
    hint: 'Its exit and last log lines are shown; mend it and deploy again.',
    retryable: false,
  },
  INSTANCE_UNHEALTHY: {
    title: 'A health check failed',
    hint: 'The last answer is shown; see `signalbox logs`.',
    retryable: false,
  },
  INTERNAL: {
    title: 'Something in Signalbox went wrong',
    hint: 'See the log in $SIGNALBOX_HOME/logs and report it.',
    retryable: true,
  },
  LINKS_EXHAUSTED: {
    title: 'There are more references between services than addresses for them',
    hint: 'Let services share one address, or run fewer apps here.',
    retryable: false,
  },
  MIGRATIONS_CHANGED: {
    title: 'The release commands changed between the two releases',
    hint: 'Check that the older code runs on the newer schema, then repeat with --force.',
    retryable: false,
  },
  NEEDS_DOCKER: {
    title: 'The service can only run in a container',
    hint: 'Give it a `run` command, or start Signalbox with SIGNALBOX_RUNTIME=docker.',
    retryable: false,
  },
  NOTHING_DETECTED: {
    title: 'The repository is of no kind that is recognised',
    hint: 'Write a signalbox.yaml with `services: { web: { run: …, route: / } }`.',
    retryable: false,
  },
  NOT_ENOUGH_MEMORY: {
    title: 'There is not enough memory to keep both releases running',
    hint: 'Set `warm: false`, lower replicas, or add memory.',
    retryable: false,
  },
  NOT_FOUND: {
    title: 'There is nothing of that name',
    hint: 'List what there is, e.g. with `signalbox status`.',
    retryable: false,
  },
  NO_ACTIVE_ROLLOUT: {
    title: 'There is no running rollout of that name',
    hint: 'See `signalbox rollouts` for what there was.',
    retryable: false,
  },
  NO_APP_HERE: {
    title: 'It is not clear which app is meant',
    hint: 'Run it in the folder of the app, or name the app with --app.',
    retryable: false,
  },
  NO_DOCKERFILE_FOR_STACK: {
    title: 'No Dockerfile can be made for this service',
    hint: 'Write a Dockerfile in the folder of the service and name it under `dockerfile:`.',
    retryable: false,
  },
  NO_KEPT_RELEASE: {
    title: 'There is no kept release to go back to',
    hint: 'See `signalbox releases`; deploy an older commit instead with --ref.',
    retryable: false,
  },
  NO_SOURCE: {
    title: 'The folder has no source that can be sent',
    hint: 'Commit first, or deploy the folder as it is with `--dirty`.',
    retryable: false,
  },
  NO_SPACE: {
    title: 'The disk is full',
    hint: 'Free some space on the volume of $SIGNALBOX_HOME and try again. Traffic is not affected.',
    retryable: true,
  },
  PAUSED: {
    title: 'A person paused the rollout',
    hint: '`signalbox resume` goes on, `signalbox abort` undoes it.',
    retryable: false,
  },
  PORT_IGNORED: {
    title: 'The app does not listen on the port it was given',
    hint: 'Let it read PORT from its environment; otherwise two releases cannot run side by side.',
    retryable: false,
  },
  PORT_IN_USE: {
    title: 'A port is taken by another program',
    hint: 'Stop that program, or choose another port.',
    retryable: false,
  },
  PROGRAM_FAILED: { title: 'A program of Signalbox did not start', hint: 'Its last lines of output say why.', retryable: true },
  REGISTRY_REFUSED: {
    title: 'The registry does not let us in',
    hint: 'Check SIGNALBOX_REGISTRY_USER and SIGNALBOX_REGISTRY_PASSWORD_FILE, or log in with `docker login`; then deploy again.',
    retryable: false,
  },
  REGISTRY_UNAVAILABLE: {
    title: 'The registry cannot be reached',
    hint: 'Check SIGNALBOX_REGISTRY and the registry itself; it goes on being tried for a while. What runs goes on running.',
    retryable: true,
  },
  ROLLBACK_STUCK: {
    title: 'The old routes could not be restored',
    hint: 'Run `signalbox doctor`; it goes on being tried.',
    retryable: true,
  },
  ROUTE_TAKEN: {
    title: 'Another service has that host and path',
    hint: 'Change `route` here or there; the owner is named in the message.',
    retryable: false,
  },
  RUNTIME_CHANGED: {
    title: 'Instances of another runtime still live in this home',
    hint: 'Start with the runtime named in the message, `signalbox down --all`, start with the new one and deploy the apps again; or use another $SIGNALBOX_HOME.',
    retryable: false,
  },
  RUNTIME_UNAVAILABLE: {
    title: 'Instances cannot be started or stopped at the moment',
    hint: 'What runs goes on running. See the log of the keeper in $SIGNALBOX_HOME/logs and `signalbox doctor`.',
    retryable: true,
  },
  SAME_RELEASE: {
    title: 'That release already serves',
    hint: 'Nothing to do.',
    retryable: false,
  },
  SHUTTING_DOWN: { title: 'The control plane is being stopped', hint: 'Try again when it is back.', retryable: true },
  SMOKE_FAILED: {
    title: 'A check of the smoke list failed',
    hint: 'The answer is shown; the old release serves.',
    retryable: false,
  },
  STALE_EPOCH: {
    title: 'A newer control plane has taken over',
    hint: 'Only one control plane runs per home; this one must stop.',
    retryable: false,
  },
  START_FAILED: {
    title: 'An instance could not be started at all',
    hint: 'The message names what is in the way; nothing was left running.',
    retryable: false,
  },
  STORE_CORRUPT: {
    title: 'The database is damaged',
    hint: 'Traffic goes on. Keep a copy of the file and of its -wal, then put back a backup or repair it with `sqlite3 <file> .recover`.',
    retryable: false,
  },
  STORE_FULL: {
    title: 'The disk of the database is full',
    hint: 'Make room on that disk; traffic goes on, and rollbacks still work for a while.',
    retryable: true,
  },
  STORE_NEWER: {
    title: 'The database was written by a newer Signalbox',
    hint: 'Start the version that wrote it, or a newer one.',
    retryable: false,
  },
  STORE_STALLED: {
    title: 'The database did not answer in time',
    hint: 'The disk is stalled or another process holds the database; traffic goes on. Look at the current state before trying again.',
    retryable: true,
  },
  STORE_UNREACHABLE: {
    title: 'The database cannot be read or written',
    hint: 'Check that its folder exists, belongs to the user who runs Signalbox and is not mounted read-only, and that the disk is well.',
    retryable: false,
  },
  SUPERSEDED: {
    title: 'A newer deploy took its place',
    hint: 'Follow the newer one with `signalbox status`.',
    retryable: false,
  },
  TOOL_MISSING: {
    title: 'A program that the build needs is not installed',
    hint: 'Install it on the machine that runs Signalbox.',
    retryable: true,
  },
  TOO_LARGE: {
    title: 'The request is larger than allowed',
    hint: 'Send less; large files belong under `persist`, not into the repository.',
    retryable: false,
  },
  UNAUTHORISED: {
    title: 'The token is missing or wrong',
    hint: 'The token is in $SIGNALBOX_HOME/keys/api-token; for another machine set SIGNALBOX_TOKEN.',
    retryable: false,
  },
  UNKNOWN_ENVIRONMENT: {
    title: 'The app has no environment of that name',
    hint: 'Declare it under `environments:` in signalbox.yaml.',
    retryable: false,
  },
  UNKNOWN_SOURCE: {
    title: 'That source version is not kept here',
    hint: 'Deploy it again from the repository.',
    retryable: false,
  },
  VARIABLE_MISSING: {
    title: 'A variable that a service needs has no value',
    hint: "Set it in `.env` for `signalbox dev`; for a deploy under `env` or the environment's `env` in signalbox.yaml.",
    retryable: false,
  },
  WRONG_USAGE: { title: 'The command line is not understood', hint: 'See `signalbox --help`.', retryable: false },
} as const satisfies Record<string, CatalogueEntry>;

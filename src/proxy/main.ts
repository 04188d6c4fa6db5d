import type { WorkerConfig } from './protocol.ts';
import { startWorker } from './worker.ts';

/** Grace of a worker that is asked to end by a signal instead of its control socket. */
const signalGraceMs = 10_000;

const config = JSON.parse(process.argv[2] ?? '') as WorkerConfig;
process.title = `signalbox ${config.name}`;
// Whoever started this worker may end without it: a terminal's or a session's end is not ours.
process.on('SIGHUP', () => {});
process.on('SIGINT', () => {});
const worker = await startWorker(config, () => process.exit(0));
process.on('SIGTERM', () => worker.finish(signalGraceMs));

import { SignalboxError } from '../../domain/errors.ts';
import type { RepositoryReader } from '../reader.ts';
import type { Detection } from './finding.ts';

export async function detect(reader: RepositoryReader): Promise<Detection> {
  await reader.list('.', 1);
  throw new SignalboxError('NOTHING_DETECTED', 'Nothing was recognised.');
}

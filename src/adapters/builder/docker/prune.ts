import type { Engine } from '../../../engine/client.ts';
import { imagesWith, type ListedImage, originalOf } from '../../../engine/images.ts';
import { imagesInUse, inspectImage, labels, removeImage } from './engine-images.ts';
import type { ImageRecord, ImageRecords } from './records.ts';

export interface PruneBy {
  readonly engine: Engine;
  readonly homeId: string;
  readonly records: ImageRecords;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** What a failed build left serves the next try for so long. */
const failedForMs = 24 * 60 * 60_000;

/**
 * Removes images of this installation beyond the limits, oldest first, and what their builds left on the way. Never one in `keep`
 * (`<key>` or `<app>/<key>`), one that a container was made from, or anything that this installation did not make. Returns bytes freed.
 */
export async function pruneImages(
  by: PruneBy,
  rules: { keep: ReadonlySet<string>; limits: { readonly count: number; readonly bytes: number } },
): Promise<number> {
  const records = await by.records.all();
  const own = await ownImages(by, records);
  const sizes = await uniqueSizes(by.engine);
  const sizeOf = ({ Id, Size }: ListedImage): number => sizes.get(Id) ?? Size;
  const inUse = await imagesInUse(by.engine);
  const kept = ({ app, key }: { app: string; key: string }): boolean => rules.keep.has(key) || rules.keep.has(`${app}/${key}`);
  let count = own.length;
  let bytes = own.reduce((sum, image) => sum + sizeOf(image), 0);
  let freed = 0;
  for (const image of own.toReversed()) {
    if (count <= rules.limits.count && bytes <= rules.limits.bytes) break;
    const named = { app: image.Labels?.[labels.app] ?? '', key: image.Labels?.[labels.key] ?? '' };
    if (inUse.has(image.Id) || kept(named)) continue;
    if (!(await removeOwn(by, image))) continue;
    count -= 1;
    bytes -= sizeOf(image);
    freed += sizeOf(image);
  }
  await pruneLayers(by, (record) => kept(record));
  return freed;
}

/**
 * Newest first. The record says what is ours: an image fetched from a registry carries the labels of the installation that built it,
 * and one that somebody made from ours carries ours. Without a record (it was lost, or a crash came first) it is the original.
 */
async function ownImages(by: PruneBy, records: readonly ImageRecord[]): Promise<readonly ListedImage[]> {
  const recorded = new Set(records.map((record) => record.image));
  const built = await imagesWith(by.engine, [labels.key]);
  const nameOf = ({ Labels }: ListedImage): string => `${Labels?.[labels.app] ?? ''}/${Labels?.[labels.key] ?? ''}`;
  const onRecord = new Set(built.filter(({ Id }) => recorded.has(Id)).map(nameOf));
  const labelled = built.filter((image) => image.Labels?.[labels.installation] === by.homeId && !onRecord.has(nameOf(image)));
  const originals = new Set(labelled.map((image) => originalOf(labelled.filter((other) => nameOf(other) === nameOf(image)))?.Id));
  return built.filter(({ Id }) => recorded.has(Id) || originals.has(Id));
}

/** Takes away the names that this installation gave; an image with another name belongs to who gave that. */
async function removeOwn(by: PruneBy, image: ListedImage): Promise<boolean> {
  const app = image.Labels?.[labels.app] ?? '';
  const key = image.Labels?.[labels.key] ?? '';
  const pushed = (await by.records.get(app, key))?.pushed ?? null;
  const remote = pushed === null ? null : pushed.slice(0, pushed.indexOf('@'));
  const ours = (name: string): boolean =>
    name.startsWith(`signalbox/${app}-`) || (remote !== null && (name.startsWith(`${remote}:`) || name.startsWith(`${remote}@`)));
  const names = [...(image.RepoTags ?? []), ...(image.RepoDigests ?? [])].filter((name) => !name.includes('<none>'));
  if (names.some((name) => !ours(name))) return false;
  for (const name of names) await removeImage(by.engine, name);
  if ((await inspectImage(by.engine, image.Id)) !== null && !(await removeImage(by.engine, image.Id))) return false;
  return true;
}

/** What builds left on the way, of keys that are gone and of failures long ago. The engine keeps what others build upon. */
async function pruneLayers(by: PruneBy, kept: (record: ImageRecord) => boolean): Promise<void> {
  const there = new Set((await imagesWith(by.engine, [labels.key])).map(({ Id }) => Id));
  for (const record of await by.records.all()) {
    const { image, builtAt, layers, app, key } = record;
    const gone = image === null ? by.now - builtAt > failedForMs : !there.has(image);
    if (!gone || kept(record)) continue;
    // The last made first: each is what the next one stands on.
    for (const layer of layers.toReversed()) if (await isNameless(by.engine, layer)) await removeImage(by.engine, layer);
    if (record.pushed === null) await by.records.remove(app, key);
    else await by.records.put({ ...record, layers: [] });
  }
}

/** Whoever builds the same lines gets the same layers, and may have named one of them: then it is theirs. */
async function isNameless(engine: Engine, layer: string): Promise<boolean> {
  const found = await inspectImage(engine, layer);
  return found !== null && (found.RepoTags ?? []).length === 0 && (found.RepoDigests ?? []).length === 0;
}

/** Bytes that each image has to itself; empty where the engine cannot say. */
async function uniqueSizes(engine: Engine): Promise<ReadonlyMap<string, number>> {
  const answer = await engine
    .call<{ readonly Images: readonly { readonly Id: string; readonly Size: number; readonly SharedSize: number }[] | null }>(
      'GET',
      '/system/df',
      { timeoutMs: 60_000 },
    )
    .catch(() => null);
  const images = answer?.ok === true ? (answer.body.Images ?? []) : [];
  return new Map(images.filter(({ SharedSize }) => SharedSize >= 0).map(({ Id, Size, SharedSize }) => [Id, Size - SharedSize]));
}

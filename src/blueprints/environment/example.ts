import { isSecretValue } from '../../config/compose/environment.ts';
import { accessoryImage, accessoryVariables, describeAccessory } from '../../domain/accessories.ts';
import { accessoriesIn } from '../../domain/links.ts';
import type { AppSpec } from '../../domain/spec.ts';
import { localPassword, passwordName, portName } from '../compose/interpolation.ts';
import type { GeneratedFile } from '../generated.ts';
import type { BlueprintInput } from '../input.ts';
import type { ReadVariable } from './scan.ts';

interface Known {
  readonly name: string;
  /** Sentence -> services that it is about. */
  readonly comments: Map<string, string[]>;
  /** Undefined: has to be decided about. */
  preset?: string;
  optional: boolean;
}

const mostPlaces = 3;

/**
 * .env.example: every variable of the app with where it comes from, in alphabetical order. Those without a value have to be decided
 * about; what has a value already, and what is optional, is commented out. Never a secret's value.
 */
export function envExample(input: BlueprintInput): GeneratedFile {
  const { spec } = input;
  const accessories = Object.values(spec.accessories ?? {});
  const provided = accessoryVariables(accessories);
  const asked = new Map<string, Known>();
  for (const service of Object.values(spec.services)) {
    const { name: from } = service;
    const declared = service.env;
    for (const { name } of service.requires ?? []) note(know(asked, name), from, 'required (signalbox.yaml).');
    for (const [name, value] of Object.entries(declared)) {
      const known = know(asked, name);
      const refers = /\$\{(?:services|accessories)\./.test(value);
      note(known, from, refers ? `${value}, given (signalbox.yaml).` : 'set in signalbox.yaml.');
      if (refers) known.optional = true;
      else known.preset ??= value;
    }
    for (const [name, places] of byName(input.read[from] ?? [])) {
      const known = know(asked, name);
      const atBuild = places.some((place) => place.atBuild) ? ', when it is built (buildEnv)' : '';
      note(known, from, `read in ${placesOf(places)}${atBuild}.`);
      const preset = places.find((place) => place.preset !== undefined)?.preset;
      if (Object.hasOwn(declared, name)) continue;
      if (Object.hasOwn(provided, name)) {
        known.optional = true;
        note(known, '', `Given by the accessory ${accessoriesIn({ [name]: provided[name] ?? '' }).join(', ')}.`);
      } else if (places.some(({ optional, atBuild }) => optional || atBuild)) {
        known.optional = true;
        if (preset !== undefined) known.preset ??= preset;
      }
    }
  }
  const sections = [
    [
      '# Copy to .env, which is not committed, and fill in what has no value.',
      '# Read by `signalbox dev` and by Compose; on a server, variables are set under `env` in signalbox.yaml.',
    ],
    ...[...asked.values()].sort((a, b) => (a.name < b.name ? -1 : 1)).map(lines),
    ...composeSection(spec),
  ];
  return { path: '.env.example', text: `${sections.map((section) => section.join('\n')).join('\n\n')}\n` };
}

function note(known: Known, service: string, text: string): void {
  const about = known.comments.get(text) ?? [];
  if (!about.includes(service)) known.comments.set(text, [...about, service]);
}

function know(asked: Map<string, Known>, name: string): Known {
  const known = asked.get(name) ?? { name, comments: new Map(), optional: false };
  asked.set(name, known);
  return known;
}

function lines({ name, comments, preset, optional }: Known): string[] {
  const value = preset === undefined || looksSecret(name) ? '' : quoted(isSecretValue(preset) ? '' : preset);
  const open = !optional && preset === undefined;
  const said = [...comments].map(([text, about]) => (about[0] === '' ? text : `${about.join(', ')}: ${text}`));
  return [...said.map((text) => `# ${text.replace(/\s+/g, ' ')}`), open ? `${name}=` : `# ${name}=${value}`];
}

/** Ports and passwords that only Compose asks for. */
function composeSection(spec: AppSpec): string[][] {
  const accessories = Object.values(spec.accessories ?? {}).filter((one) => accessoryImage(one) !== undefined);
  const own = accessories.flatMap((one) => {
    const secret =
      one.type === 'mailcatcher' || one.type === 'custom'
        ? []
        : [`# Optional: password of ${one.name} (${describeAccessory(one)}).`, `# ${passwordName(one)}=${localPassword}`];
    const page = one.type === 'mailcatcher' || one.type === 'pgadmin';
    return [
      ...secret,
      ...(page
        ? [`# Optional: port of the page of ${one.name}.`, `# ${portName(one.name)}=${one.type === 'pgadmin' ? 5050 : 8025}`]
        : []),
    ];
  });
  return [['# Compose alone. Everything listens on 127.0.0.1.', '# Optional: port of the app.', '# HTTP_PORT=8080', ...own]];
}

function byName(read: readonly ReadVariable[]): Map<string, ReadVariable[]> {
  const found = new Map<string, ReadVariable[]>();
  for (const one of read) found.set(one.name, [...(found.get(one.name) ?? []), one]);
  return found;
}

function placesOf(places: readonly ReadVariable[]): string {
  const named = [...new Set(places.map(({ file, line }) => `${file}:${line}`))];
  const more = named.length - mostPlaces;
  return `${named.slice(0, mostPlaces).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** Its value is never written down, not even one that stands in the code. */
const looksSecret = (name: string): boolean => /SECRET|PASSWORD|PASSWD|TOKEN|PRIVATE|API_?KEY|CREDENTIAL|_KEY$|_DSN$/.test(name);

const quoted = (value: string): string => (/^[\w./:@%+,*-]*$/.test(value) ? value : JSON.stringify(value));

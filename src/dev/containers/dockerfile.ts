/** One `FROM` of a Dockerfile. */
export interface Stage {
  readonly name?: string;
  /** Image that it starts from in the end, through earlier stages; undefined: only the build itself knows. */
  readonly from?: string;
}

/** Names of a stage that is made for development. */
const developmentNames = ['dev', 'development'] as const;

/** The stages of a Dockerfile, in order. Pure; what it does not understand it leaves out. */
export function stagesOf(text: string): Stage[] {
  const values = new Map<string, string>();
  const stages: Stage[] = [];
  for (const line of instructions(text)) {
    const argument = /^ARG\s+(\w+)(?:=(.*))?$/i.exec(line);
    if (argument !== null && stages.length === 0) {
      const [, name = '', value] = argument;
      if (value !== undefined) values.set(name, filled(value.trim().replace(/^(['"])(.*)\1$/, '$2'), values) ?? '');
      continue;
    }
    const [, image = '', name] = /^FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?\s*$/i.exec(line) ?? [];
    if (image === '') continue;
    const named = filled(image, values);
    const earlier = stages.find((stage) => stage.name !== undefined && stage.name === named?.toLowerCase());
    const from = earlier === undefined ? named : earlier.from;
    stages.push({
      ...(name === undefined ? {} : { name: name.toLowerCase() }),
      ...(from === undefined || from === '' || from === 'scratch' ? {} : { from }),
    });
  }
  return stages;
}

/** The stage that its author made for development. */
export const developmentStage = (stages: readonly Stage[]): string | undefined =>
  developmentNames.find((name) => stages.some((stage) => stage.name === name));

/** Lines without comments, continued ones as one. */
const instructions = (text: string): string[] =>
  text
    .split(/\r?\n/)
    .filter((line) => !/^\s*#/.test(line))
    .join('\n')
    .replace(/\\\s*\n/g, ' ')
    .split('\n')
    .map((line) => line.trim());

/** With the values of arguments in it; undefined where one has none. */
function filled(text: string, values: ReadonlyMap<string, string>): string | undefined {
  let known = true;
  const result = text.replace(/\$(?:(\w+)|\{(\w+)(?::?-([^}]*))?\})/g, (_, plain: string, braced: string, preset?: string) => {
    const value = values.get(plain ?? braced) ?? preset;
    known &&= value !== undefined;
    return value ?? '';
  });
  return known ? result : undefined;
}

/** Programs by the port that they usually have. */
const usualPorts: Readonly<Record<string, string>> = {
  '1433': 'SQL Server',
  '3306': 'MySQL',
  '5432': 'PostgreSQL',
  '5672': 'RabbitMQ',
  '6379': 'Redis',
  '9092': 'Kafka',
  '9200': 'Elasticsearch',
  '11211': 'memcached',
  '27017': 'MongoDB',
};

type Rule = readonly [RegExp, (found: readonly (string | undefined)[]) => string | undefined];

/** What apps and builds say when something around them is missing; the first rule that matches a line wins, later lines first. */
const rules: readonly Rule[] = [
  [/ECONNREFUSED (?:::1|\[?[\w.:-]+?\]?):(\d+)/, ([, port]) => noAnswer(port)],
  [/onnection refused.*?\bport[ "=:]+(\d+)|port (\d+) failed: Connection refused/i, ([, a, b]) => noAnswer(a ?? b)],
  [
    /getaddrinfo (?:ENOTFOUND|EAI_AGAIN) ([\w.-]+)/,
    ([, name]) => `The name ${name} is not known on this machine. Give an address that is, under env in signalbox.yaml.`,
  ],
  [
    /Cannot find (?:module|package) '((?:@[\w.-]+\/)?[\w-][\w.-]*)/,
    ([, name]) => `${name} is not installed: add it to the dependencies of package.json and commit.`,
  ],
  [/No module named '?([\w]+)/, ([, name]) => `${name} is not installed: add it to requirements.txt and commit.`],
  [
    /(?:sh: (?:\d+: |line \d+: )?)([\w@./-]+): (?:command )?not found/,
    ([, name]) => `The program ${name} is neither among the dependencies nor on this machine.`,
  ],
  [
    /(?:EACCES|EROFS|Permission denied|Read-only file system)[^'"]*['"](\/[^'"]+)['"]/i,
    ([, path]) =>
      `An instance may write only in its own folder, not to ${path}. Give it a relative path, and list the folder under persist when it has to last.`,
  ],
  [
    /ERR_OSSL_EVP_UNSUPPORTED|digital envelope routines::unsupported/,
    () => 'The bundler is older than this Node: set buildEnv: { NODE_OPTIONS: --openssl-legacy-provider } in signalbox.yaml.',
  ],
  [
    /`npm ci` can only install packages when your package\.json and package-lock\.json/,
    () => 'The lock file does not fit package.json: run npm install and commit package-lock.json.',
  ],
  [
    /\bERESOLVE\b/,
    () => 'The dependencies contradict each other: mend them, or commit an .npmrc with the line legacy-peer-deps=true.',
  ],
  [
    /JavaScript heap out of memory/,
    () => 'It needs more memory: raise resources.memoryMb, or NODE_OPTIONS: --max-old-space-size=… in MiB.',
  ],
];

const noAnswer = (port: string | undefined): string | undefined => {
  if (port === undefined) return undefined;
  const who = usualPorts[port];
  return `Nothing answers on port ${port}${who === undefined ? '' : `, where ${who} usually is`}, which it needs. Start that, or give its address under env in signalbox.yaml.`;
};

/** What a person can do about the last lines of something that failed; undefined when they say nothing that is known. */
export function logHint(lines: readonly string[]): string | undefined {
  for (const line of [...lines].reverse())
    for (const [pattern, say] of rules) {
      const found = pattern.exec(line);
      const hint = found === null ? undefined : say(found);
      if (hint !== undefined) return hint;
    }
  return undefined;
}

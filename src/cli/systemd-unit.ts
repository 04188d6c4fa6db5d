export interface UnitFacts {
  /** Absolute path of node. */
  readonly node: string;
  /** Absolute path of the control plane's program. */
  readonly program: string;
  /** Its settings, and what builds and apps need of the environment. */
  readonly variables: Readonly<Record<string, string>>;
  readonly home: string;
  /** System-wide, or of one user. */
  readonly scope: 'system' | 'user';
}

/**
 * The unit that keeps the control plane running. Pure. Only the control plane itself is stopped and restarted by it: the keeper,
 * the proxy and the instances share its control group and go on, so that an upgrade drops nothing.
 */
export function renderUnit({ node, program, variables, home, scope }: UnitFacts): string {
  const environment = Object.entries(variables)
    .map(([name, value]) => `Environment=${quoted(`${name}=${value}`)}`)
    .join('\n');
  return `# Written by \`signalbox up --install\`; run that again after changing a setting.
[Unit]
Description=Signalbox control plane (${unitText(home)})
${scope === 'system' ? 'Wants=network-online.target\nAfter=network-online.target\n' : ''}StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=${[node, program].map(unitWord).join(' ')}
${environment}
WorkingDirectory=${unitText(home)}
Restart=always
RestartSec=1
KillMode=process
KillSignal=SIGTERM
TimeoutStopSec=30
${scope === 'system' ? 'OOMScoreAdjust=-500\n' : ''}Delegate=yes
LimitNOFILE=65536
UMask=0022

[Install]
WantedBy=${scope === 'system' ? 'multi-user.target' : 'default.target'}
`;
}

/** systemd reads `%` as a specifier everywhere, quotes as quotes, and in commands `$` as a variable. */
const unitText = (text: string): string => text.replaceAll('%', '%%').replaceAll('\n', ' ');
const quoted = (text: string): string => `"${unitText(text).replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
const unitWord = (text: string): string => quoted(text).replaceAll('$', () => '$$');

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { renderUnit } from '../../src/cli/systemd-unit.ts';

const facts = {
  node: '/usr/bin/node',
  program: '/opt/signalbox/dist/daemon.js',
  variables: { PATH: '/usr/bin:/bin', SIGNALBOX_HOME: '/srv/signalbox', SIGNALBOX_HTTP_PORT: '80' },
  home: '/srv/signalbox',
  scope: 'system',
} as const;

describe('the systemd unit', () => {
  it('restarts the control plane alone, and touches nothing else when it stops it', () => {
    expect(renderUnit(facts)).toBe(`# Written by \`signalbox up --install\`; run that again after changing a setting.
[Unit]
Description=Signalbox control plane (/srv/signalbox)
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart="/usr/bin/node" "/opt/signalbox/dist/daemon.js"
Environment="PATH=/usr/bin:/bin"
Environment="SIGNALBOX_HOME=/srv/signalbox"
Environment="SIGNALBOX_HTTP_PORT=80"
WorkingDirectory=/srv/signalbox
Restart=always
RestartSec=1
KillMode=process
KillSignal=SIGTERM
TimeoutStopSec=30
OOMScoreAdjust=-500
Delegate=yes
LimitNOFILE=65536
UMask=0022

[Install]
WantedBy=multi-user.target
`);
  });

  it('of a user starts with the user', () => {
    const unit = renderUnit({ ...facts, scope: 'user' });
    expect(unit).toContain('WantedBy=default.target');
    expect(unit).not.toContain('network-online');
    expect(unit).not.toContain('OOMScoreAdjust');
  });

  it('keeps odd characters what they are', () => {
    const unit = renderUnit({ ...facts, node: '/o d/n%$"\\', home: '/srv/100%', variables: { A: 'say "$1" \\ 5%' } });
    expect(unit).toContain('ExecStart="/o d/n%%$$\\"\\\\" ');
    expect(unit).toContain('Environment="A=say \\"$1\\" \\\\ 5%%"\n');
    expect(unit).toContain('WorkingDirectory=/srv/100%%\n');
  });

  const analyze = spawnSync('systemd-analyze', ['--version']).status === 0;
  it('passes systemd-analyze verify', ({ skip }) => {
    if (!analyze) skip('systemd-analyze is not installed (Debian: apt-get install systemd)');
    const folder = mkdtempSync(join(tmpdir(), 'sb-unit-'));
    try {
      const file = join(folder, 'signalbox.service');
      const program = join(folder, 'daemon.js');
      writeFileSync(program, '');
      writeFileSync(file, renderUnit({ ...facts, node: process.execPath, program, home: folder }));
      const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', file], { encoding: 'utf8' });
      expect([status, stderr]).toEqual([0, '']);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

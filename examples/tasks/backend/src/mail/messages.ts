import type { Mail } from './queue.ts';

export const invitationMail = (of: { to: string; organisation: string; inviter: string; link: string }): Mail => ({
  to: of.to,
  subject: `${of.inviter} invites you to ${of.organisation}`,
  text: `${of.inviter} would like you to join ${of.organisation} in Tasks.

Accept the invitation within seven days:
${of.link}

You need an account with this address, ${of.to}. If you do not know ${of.inviter}, ignore this mail.
`,
});

export const assignmentMail = (of: { to: string; task: string; by: string; organisation: string; link: string }): Mail => ({
  to: of.to,
  subject: `${of.by} gave you a task: ${of.task}`,
  text: `${of.by} gave you a task in ${of.organisation}:

${of.task}
${of.link}
`,
});

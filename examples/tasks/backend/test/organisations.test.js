import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startMailer } from './support/programs.js';
import { organisationOf, signUp } from './support/people.js';
import { startSmtp } from './support/smtp.js';
import { withApi } from './support/stack.js';

withApi('organisations', (site) => {
  let smtp;
  let mailer;
  before(async () => {
    smtp = await startSmtp();
    mailer = await startMailer({ REDIS_URL: site.env.REDIS_URL, SMTP_URL: smtp.url });
  });
  after(async () => {
    await mailer?.end();
    await smtp?.stop();
  });

  /** Invites, and reads the token in the mail that comes of it. */
  async function invite(by, home, email, role) {
    const count = smtp.mails.length + 1;
    const { status, body } = await by.ask('POST', `${home}/invitations`, { email, role });
    assert.equal(status, 201, JSON.stringify(body));
    assert.ok(!JSON.stringify(body).includes('token'));
    const mail = (await smtp.caught(count)).at(-1);
    assert.deepEqual(mail.to, [email]);
    return { mail, token: /http:\/\/tasks\.test\/join#([\w-]{32})/.exec(mail.text)[1] };
  }
  const accept = (person, token) => person.ask('POST', '/api/invitations/accept', { token });

  async function team() {
    const [owner, admin, member] = [await signUp(site.api.url, 'Olga'), await signUp(site.api.url, 'Adam'), await signUp(site.api.url, 'Mia')];
    const home = await organisationOf(owner);
    for (const [person, role] of [[admin, 'admin'], [member, 'member']]) {
      assert.equal((await accept(person, (await invite(owner, home, person.email, role)).token)).status, 200);
    }
    return { home, owner, admin, member };
  }

  test('an invitation goes by mail, and lets in the one whom it is for, once', async () => {
    const [ada, ben, eve] = [await signUp(site.api.url), await signUp(site.api.url, 'Ben'), await signUp(site.api.url, 'Eve')];
    const home = await organisationOf(ada);
    const { mail, token } = await invite(ada, home, ben.email);
    assert.match(mail.head, /^Subject: Ada invites you to Paper & Thread$/m);
    const stolen = await accept(eve, token);
    assert.equal(stolen.status, 403);
    assert.equal((await eve.ask('GET', home)).status, 404);
    const accepted = await accept(ben, token);
    assert.deepEqual([accepted.status, accepted.body.role], [200, 'member']);
    assert.equal((await ben.ask('GET', home)).status, 200);
    assert.equal((await accept(ben, token)).status, 404);
    assert.deepEqual((await ada.ask('GET', `${home}/invitations`)).body.invitations, []);
    assert.equal((await ada.ask('POST', `${home}/invitations`, { email: ben.email })).status, 422, 'a member already');
  });

  test('an invitation that was withdrawn, or sent again, is void', async () => {
    const [ada, ben] = [await signUp(site.api.url), await signUp(site.api.url, 'Ben')];
    const home = await organisationOf(ada);
    const { token: first } = await invite(ada, home, ben.email, 'admin');
    const { token: second } = await invite(ada, home, ben.email);
    assert.equal((await accept(ben, first)).status, 404);
    const { invitations } = (await ada.ask('GET', `${home}/invitations`)).body;
    assert.deepEqual(invitations.map(({ email, role }) => [email, role]), [[ben.email, 'member']]);
    assert.equal((await ada.ask('DELETE', `${home}/invitations/${invitations[0].id}`)).status, 204);
    assert.equal((await accept(ben, second)).status, 404);
    for (const token of ['', 'x', 'x'.repeat(43), "' OR 1=1 --"]) assert.equal((await accept(ben, token)).status, 404);
  });

  test('a name cannot put lines into the head of a mail', async () => {
    const ada = await signUp(site.api.url);
    const home = await organisationOf(ada, 'Paper\r\nBcc: all@example.org\r\n\r\nBuy');
    const { mail } = await invite(ada, home, 'ben@example.org');
    assert.doesNotMatch(mail.head, /^(?:Bcc|Buy)/im);
    assert.deepEqual(mail.to, ['ben@example.org']);
  });

  test('each role may do what it may, and no more', async () => {
    const { home, owner, admin, member } = await team();
    const statuses = async (method, path, body) => Promise.all([admin, member].map(async (person) => (await person.ask(method, home + path, body)).status));
    assert.deepEqual(await statuses('GET', '/members'), [200, 200]);
    assert.deepEqual(await statuses('PATCH', '', { name: 'Renamed' }), [200, 403]);
    assert.deepEqual(await statuses('GET', '/invitations'), [200, 403]);
    assert.deepEqual(await statuses('POST', '/invitations', { email: 'x@example.org' }), [201, 403]);
    assert.deepEqual(await statuses('PATCH', `/members/${member.id}`, { role: 'owner' }), [403, 403]);
    assert.deepEqual(await statuses('DELETE', `/members/${owner.id}`), [403, 403]);
    assert.equal((await member.ask('DELETE', `${home}/members/${admin.id}`)).status, 403);
    assert.equal((await owner.ask('PATCH', `${home}/members/${member.id}`, { role: 'admin' })).status, 200);
    assert.equal((await admin.ask('DELETE', `${home}/members/${member.id}`)).status, 403, 'an admin removes no admin');
    assert.equal((await owner.ask('POST', `${home}/invitations`, { email: 'y@example.org', role: 'owner' })).status, 422);
  });

  test('who leaves or is removed is out at once, and loses the tasks', async () => {
    const { home, owner, admin, member } = await team();
    const { body: task } = await owner.ask('POST', `${home}/tasks`, { title: 'For Mia', assigneeId: member.id });
    await member.ask('POST', `${home}/tasks/${task.number}/comments`, { body: 'On it' });
    assert.equal((await admin.ask('DELETE', `${home}/members/${member.id}`)).status, 204);
    assert.equal((await member.ask('GET', `${home}/tasks`)).status, 404);
    assert.deepEqual((await member.ask('GET', '/api/organisations')).body.organisations, []);
    assert.equal((await owner.ask('GET', `${home}/tasks/${task.number}`)).body.assignee, null);
    const { comments } = (await owner.ask('GET', `${home}/tasks/${task.number}/comments`)).body;
    assert.equal(comments[0].author.name, 'Mia');
    assert.equal((await admin.ask('DELETE', `${home}/members/${admin.id}`)).status, 204, 'leaves by himself');
  });

  test('an organisation never loses its last owner, not even when two remove each other at once', async () => {
    const { home, owner, admin } = await team();
    assert.equal((await owner.ask('DELETE', `${home}/members/${owner.id}`)).status, 409);
    assert.equal((await owner.ask('PATCH', `${home}/members/${owner.id}`, { role: 'member' })).status, 409);
    for (let round = 0; round < 5; round += 1) {
      assert.equal((await owner.ask('PATCH', `${home}/members/${admin.id}`, { role: 'owner' })).status, 200);
      const results = await Promise.all([
        owner.ask('PATCH', `${home}/members/${admin.id}`, { role: 'admin' }),
        admin.ask('PATCH', `${home}/members/${owner.id}`, { role: 'admin' }),
      ]);
      const { members } = (await owner.ask('GET', `${home}/members`)).body;
      const owners = members.filter(({ role }) => role === 'owner');
      assert.ok(owners.length >= 1, JSON.stringify(results.map(({ status }) => status)));
      if (owners[0].id === admin.id) await admin.ask('PATCH', `${home}/members/${owner.id}`, { role: 'owner' });
      await owner.ask('PATCH', `${home}/members/${admin.id}`, { role: 'admin' });
    }
  });

  test('who is given a task by somebody else gets a mail', async () => {
    const { home, owner, member } = await team();
    const count = smtp.mails.length;
    await member.ask('POST', `${home}/tasks`, { title: 'For myself', assigneeId: member.id });
    const { body: task } = await owner.ask('POST', `${home}/tasks`, { title: 'Überraschung', assigneeId: member.id });
    const mail = (await smtp.caught(count + 1)).at(-1);
    assert.deepEqual(mail.to, [member.email]);
    assert.match(mail.text, new RegExp(`Überraschung\\n.*${home.split('/').at(-1)}/tasks/${task.number}(?:\\n|$)`));
    await owner.ask('PATCH', `${home}/tasks/${task.number}`, { title: 'Still hers', assigneeId: member.id });
    await owner.ask('PATCH', `${home}/tasks/${task.number}`, { assigneeId: owner.id });
    assert.equal(smtp.mails.length, count + 1);
  });
});

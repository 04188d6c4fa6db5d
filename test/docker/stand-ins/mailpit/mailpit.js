// Takes mail by SMTP on 1025 and shows it on 8025: as much of the real one as tests ask for.
const { createServer } = require('node:http');
const { createServer: createTcpServer } = require('node:net');

const messages = [];
createTcpServer((socket) => {
  let mail = null;
  let body = null;
  let rest = '';
  const say = (line) => socket.write(`${line}\r\n`);
  socket.setEncoding('utf8');
  socket.on('error', () => {});
  socket.on('data', (text) => {
    rest += text;
    for (let end = rest.indexOf('\r\n'); end >= 0; end = rest.indexOf('\r\n')) {
      const line = rest.slice(0, end);
      rest = rest.slice(end + 2);
      if (body === null) command(line);
      else if (line === '.') keep();
      else body.push(line.startsWith('.') ? line.slice(1) : line);
    }
  });
  const keep = () => {
    const blank = body.indexOf('');
    const header = (name) =>
      body
        .slice(0, blank)
        .find((l) => l.toLowerCase().startsWith(`${name}: `))
        ?.slice(name.length + 2) ?? '';
    messages.unshift({
      ID: String(messages.length + 1),
      ...mail,
      Subject: header('subject'),
      Text: body.slice(blank + 1).join('\n'),
    });
    body = null;
    say('250 2.0.0 Ok: queued');
  };
  const address = (line) => ({ Address: /<(.*?)>/.exec(line)?.[1] ?? '' });
  const command = (line) => {
    const verb = line.slice(0, 4).toUpperCase();
    if (verb === 'EHLO') say('250-mailpit\r\n250-SIZE 0\r\n250 8BITMIME');
    else if (verb === 'MAIL') {
      mail = { From: address(line), To: [] };
      say('250 2.1.0 Ok');
    } else if (verb === 'RCPT') {
      mail.To.push(address(line));
      say('250 2.1.5 Ok');
    } else if (verb === 'DATA') {
      body = [];
      say('354 Start mail input; end with <CR><LF>.<CR><LF>');
    } else if (verb === 'QUIT') {
      say('221 2.0.0 Bye');
      socket.end();
    } else say('250 2.0.0 Ok');
  };
  say('220 mailpit ESMTP');
}).listen(1025);

createServer((request, response) => {
  const { pathname } = new URL(request.url, 'http://localhost');
  const one = /^\/api\/v1\/message\/(\d+)$/.exec(pathname);
  const found = one === null ? undefined : messages.find(({ ID }) => ID === one[1]);
  const answer =
    pathname === '/api/v1/messages'
      ? { total: messages.length, messages: messages.map(({ Text, ...head }) => ({ ...head, Snippet: Text.slice(0, 250) })) }
      : found;
  if (pathname === '/' || pathname === '/livez' || pathname === '/readyz') response.end('ok\n');
  else if (answer === undefined) response.writeHead(404).end();
  else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
}).listen(8025);
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0));

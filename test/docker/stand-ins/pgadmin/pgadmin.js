// Demands what the real one demands, and answers its ping.
const { createServer } = require('node:http');

for (const name of ['PGADMIN_DEFAULT_EMAIL', 'PGADMIN_DEFAULT_PASSWORD']) {
  if (!process.env[name] && !process.env[`${name}_FILE`]) {
    process.stderr.write(`You need to define the ${name} environment variable.\n`);
    process.exit(1);
  }
}
createServer((request, response) => {
  if (request.url === '/misc/ping') response.end('PING');
  else response.writeHead(302, { location: '/login' }).end();
}).listen(Number(process.env.PGADMIN_LISTEN_PORT ?? 80));
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0));

/** What each proxy of bench:proxy is asked to do; the same for all of them. */
export interface ProxyJob {
  readonly port: number;
  readonly backendPort: number;
  readonly hosts: readonly string[];
  /** Temporary folder of its own. */
  readonly folder: string;
}

/**
 * Hand-written configurations with the same features on: one worker, routing by host with a 404 for others, forwarding headers,
 * kept connections to the backend, requests counted, no request log. Pure.
 */
export const nginxConfig = (job: ProxyJob, root: boolean): string => `
${root ? 'user root;' : ''}
worker_processes 1;
daemon off;
pid ${job.folder}/nginx.pid;
error_log stderr error;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path ${job.folder}/body;
  proxy_temp_path ${job.folder}/proxy;
  fastcgi_temp_path ${job.folder}/fastcgi;
  uwsgi_temp_path ${job.folder}/uwsgi;
  scgi_temp_path ${job.folder}/scgi;
  keepalive_requests 100000000;
  client_max_body_size 0;
  upstream backend { server 127.0.0.1:${job.backendPort}; keepalive 512; keepalive_requests 100000000; }
  server { listen 127.0.0.1:${job.port} default_server; return 404; }
  server {
    listen 127.0.0.1:${job.port};
    server_name ${job.hosts.join(' ')};
    location = /nginx-status { stub_status; }
    location / {
      proxy_pass http://backend;
      proxy_http_version 1.1;
      proxy_request_buffering off;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header X-Real-IP $remote_addr;
      proxy_set_header X-Request-Id $request_id;
    }
  }
}
`;

export const haproxyConfig = (job: ProxyJob): string => `
global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  option http-keep-alive
  http-reuse always
frontend public
  bind 127.0.0.1:${job.port}
  option forwardfor
  unique-id-format %{+X}o%ci%cp%fi%fp%Ts%rt%pid
  unique-id-header X-Request-Id
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  http-request set-header X-Real-IP %[src]
  acl known hdr(host),field(1,:) -i ${job.hosts.join(' ')}
  http-request return status 404 unless known
  default_backend app
backend app
  server one 127.0.0.1:${job.backendPort} pool-max-conn 512
`;

export const caddyConfig = (job: ProxyJob): string => `
{
  admin off
  auto_https off
  default_bind 127.0.0.1
  log { 
    level ERROR
  }
  servers {
    metrics
  }
}
${job.hosts.map((host) => `http://${host}:${job.port}`).join(', ')} {
  reverse_proxy 127.0.0.1:${job.backendPort} {
    header_up X-Real-IP {remote_host}
    header_up X-Request-Id {http.request.uuid}
    transport http {
      keepalive_idle_conns_per_host 512
    }
  }
}
`;

/** The backend of all: as fast as can be had, so that the proxies are what is measured. */
export const backendConfig = (backend: { port: number; folder: string; files: string; root: boolean }): string => `
${backend.root ? 'user root;' : ''}
worker_processes 1;
daemon off;
pid ${backend.folder}/nginx.pid;
error_log stderr error;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path ${backend.folder}/body;
  proxy_temp_path ${backend.folder}/proxy;
  fastcgi_temp_path ${backend.folder}/fastcgi;
  uwsgi_temp_path ${backend.folder}/uwsgi;
  scgi_temp_path ${backend.folder}/scgi;
  # The second time is advertised in a Keep-Alive header, as Node's servers do.
  keepalive_timeout 75s 75s;
  keepalive_requests 100000000;
  client_max_body_size 0;
  open_file_cache max=100;
  sendfile on;
  tcp_nopush on;
  server {
    listen 127.0.0.1:${backend.port} backlog=4096;
    root ${backend.files};
    location = /upload {
      # Reads the whole body before it answers, as apps do; a bare "return" would answer first.
      client_body_buffer_size 128k;
      proxy_pass http://taken/;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Content-Length "";
      proxy_pass_request_body off;
    }
  }
  upstream taken { server unix:${backend.folder}/taken.sock; keepalive 512; keepalive_requests 100000000; }
  server { listen unix:${backend.folder}/taken.sock; return 200 "taken\\n"; }
}
`;

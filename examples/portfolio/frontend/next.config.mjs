/** @type {import('next').NextConfig} */
const config = {
  poweredByHeader: false,
  // This folder is the whole project, whatever lies above it.
  turbopack: { root: import.meta.dirname },
  outputFileTracingRoot: import.meta.dirname,
};

export default config;

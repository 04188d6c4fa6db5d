/** Where an environment lives in the API; names that are none are refused there, not turned into other paths here. */
export const environmentPath = (app: string, environment: string): string =>
  `/v1/apps/${encodeURIComponent(app)}/environments/${encodeURIComponent(environment)}`;

// The one constant that a deploy changes; every service's code contains it.
export const version = '1';
